/** What an error says: the message, facts beside it, and the next command to type. */
export interface Words {
  /** Upper-case start, names the action, quotes values, detail after a colon, no full stop. */
  readonly message: string;
  /** Facts shown below the message, in order. */
  readonly details?: Readonly<Record<string, string>>;
  /** A command or an act that leads on. */
  readonly next?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: the table's entries differ in their facts; each call is typed by its own entry
export type WordTable = Readonly<Record<string, (facts: any) => Words>>;
