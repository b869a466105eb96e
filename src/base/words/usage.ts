import type {Words} from './words.js';

/** Words of the errors that the person typing, or writing a file, can mend. Exit code 2. */
export const usageWords = {
  'bad-argument': (f: {argument: string; problem: string; next?: string}): Words => ({
    message: `Cannot use ${f.argument}: ${f.problem}`,
    next: f.next ?? 'trovestack --help',
  }),
  'file-not-found': (f: {path: string; what: string}): Words => ({
    message: `Cannot read ${f.what} "${f.path}": no such file`,
  }),
  'unreadable-file': (f: {path: string; what: string; problems: readonly string[]}): Words => ({
    message: `Cannot read ${f.what} "${f.path}": ${f.problems.length === 1 ? f.problems[0] : `${f.problems.length} problems`}`,
    ...(f.problems.length > 1 ? {details: Object.fromEntries(f.problems.map((p, i) => [`${i + 1}`, p]))} : {}),
  }),
} as const;
