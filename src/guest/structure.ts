/** One thing looked at in an image file. */
export interface Check {
  readonly name: string;
  readonly isPassed: boolean;
  /** What was found, or what is wrong. */
  readonly detail: string;
}

export interface Partition {
  readonly role: 'BIOS boot' | 'EFI system' | 'root';
  readonly startBytes: number;
  readonly sizeBytes: number;
}

/** GPT's type of each partition that a guest's disk has. */
const roles: Readonly<Record<string, Partition['role']>> = {
  '21686148-6449-6E6F-744E-656564454649': 'BIOS boot',
  'C12A7328-F81F-11D2-BA4B-00A0C93EC93B': 'EFI system',
  '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709': 'root',
  'B921B045-1DF0-41C3-AF44-4C6F280D3FAE': 'root',
};

interface PartitionTable {
  readonly partitiontable?: {
    readonly label: string;
    readonly sectorsize: number;
    readonly partitions?: readonly {readonly start: number; readonly size: number; readonly type: string}[];
  };
}

/** The partitions that matter, from `sfdisk --json`; a text when there's no GUID partition table. */
export function parsePartitions(json: string): Partition[] | string {
  const {partitiontable: table} = JSON.parse(json) as PartitionTable;
  if (table?.label !== 'gpt') return 'there is no GUID partition table';
  return (table.partitions ?? []).flatMap(({start, size, type}) => {
    const role = roles[type.toUpperCase()];
    return role ? [{role, startBytes: start * table.sectorsize, sizeBytes: size * table.sectorsize}] : [];
  });
}

/** Whether the disk can be booted by both kinds of firmware, as far as its partitions tell. */
export function checkPartitions(partitions: readonly Partition[]): Check {
  const missing = (['BIOS boot', 'EFI system', 'root'] as const).filter(
    (role) => !partitions.some((partition) => partition.role === role),
  );
  return {
    name: 'partitions',
    isPassed: missing.length === 0,
    detail: missing.length ? `no partition for ${missing.join(', ')}` : 'GPT with BIOS boot, EFI system and root',
  };
}
