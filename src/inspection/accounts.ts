/** A user of /etc/passwd. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** A group of /etc/group. */
export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** Lines that aren't of the format's seven fields are passed over, as getpwent(3) does. */
export function parseUsers(text: string): User[] {
  return fieldsOf(text, 7).map(([name = '', , uid, gid, , home = '', shell = '']) => ({
    name,
    uid: Number(uid),
    gid: Number(gid),
    home,
    shell,
  }));
}

export function parseGroups(text: string): Group[] {
  return fieldsOf(text, 4).map(([name = '', , gid, members = '']) => ({
    name,
    gid: Number(gid),
    members: members.split(',').filter(Boolean).sort(),
  }));
}

/** A user's password as /etc/shadow has it: a hash (`$…`), empty for none, or a text that no password meets. */
export interface PasswordField {
  readonly user: string;
  readonly password: string;
}

/** @see shadow(5): nine fields. */
export function parsePasswords(text: string): PasswordField[] {
  return fieldsOf(text, 9).map(([user = '', password = '']) => ({user, password}));
}

function fieldsOf(text: string, count: number): string[][] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length === count && fields[0] !== '');
}
