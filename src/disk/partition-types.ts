export const biosBootType = '21686148-6449-6E6F-744E-656564454649';
export const efiSystemType = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';

/** sgdisk's short codes, which block device configurations use, and the types that they stand for.
 * @see https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
 */
const gptTypes: Readonly<Record<string, string>> = {
  '0700': 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7', // basic data
  '4100': '9E1A2D38-C612-4316-AA26-8B49521E5A8B', // PReP boot
  '8200': '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F', // swap
  '8300': '0FC63DAF-8483-4772-8E79-3D69D8477DE4', // Linux
  '8302': '933AC7E1-2EB4-4F13-B844-0E14E2AEF915', // home
  '8303': '44479540-F297-41B2-9AF7-D131D5F0458A', // root, x86
  '8304': '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709', // root, x86-64
  '8305': 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE', // root, ARM 64
  '8306': '3B8F8425-20E0-4F3B-907F-1A25A76F98E8', // srv
  EA00: 'BC13C2FF-59E6-4262-A352-B275FD6F7172', // extended boot loader
  EF00: efiSystemType,
  EF02: biosBootType,
};

/** The GUID of a type as a configuration writes it; undefined when it means nothing. */
export function gptTypeOf(written: unknown): string | undefined {
  const text = String(written).toUpperCase().replace(/^0X/, '');
  if (/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/.test(text)) return text;
  return gptTypes[text];
}

/** Two hexadecimal digits; undefined when it isn't a type of an mbr. A number in YAML is the type itself. */
export function mbrTypeOf(written: unknown): string | undefined {
  const value = typeof written === 'number' ? written : parseHexadecimal(String(written));
  const isType = Number.isInteger(value) && value > 0 && value <= 0xff;
  return isType ? value.toString(16).padStart(2, '0') : undefined;
}

function parseHexadecimal(text: string): number {
  return /^(0x)?[0-9a-f]{1,2}$/i.test(text) ? Number.parseInt(text, 16) : Number.NaN;
}
