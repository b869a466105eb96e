/** Sections of a configuration file in oslo.config's INI dialect, in order. Undefined values are left out. */
export type IniSections = Readonly<Record<string, Readonly<Record<string, string | number | boolean | undefined>>>>;

/** Renders sections as text. Booleans are spelt as Python does. */
export function renderIni(sections: IniSections): string {
  const lines = Object.entries(sections).flatMap(([section, options]) => [
    `[${section}]`,
    ...Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`${name} = ${spell(value)}`])),
  ]);
  return `${lines.join('\n')}\n`;
}

function spell(value: string | number | boolean): string {
  if (value === true) return 'True';
  if (value === false) return 'False';
  return String(value);
}
