import type {Words} from './words.js';

/** Words of the errors that an element's author can mend. Exit code 3. */
export const stepWords = {
  'hook-failed': (f: {
    image: string;
    element: string;
    phase: string;
    hook: string;
    outcome: string;
    log: string;
    next?: string;
  }): Words => ({
    message: `Cannot finish image "${f.image}": ${f.phase}/${f.hook} ${f.outcome}`,
    details: {element: `${f.element}, phase ${f.phase}`, log: f.log},
    ...(f.next ? {next: f.next} : {}),
  }),
} as const;
