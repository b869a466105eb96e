import {cloudWords} from './words/cloud.js';
import {hostWords} from './words/host.js';
import {stepWords} from './words/step.js';
import {usageWords} from './words/usage.js';
import type {Words, WordTable} from './words/words.js';

export type {Words} from './words/words.js';

/** Who can act on an error. */
export type ErrorClass = 'usage' | 'step' | 'host' | 'cloud' | 'interrupted' | 'bug';

/** Exit code of each class; they keep their meaning for good. */
export const exitCodes: Readonly<Record<ErrorClass, number>> = {
  usage: 2,
  step: 3,
  host: 4,
  cloud: 5,
  interrupted: 130,
  bug: 70,
};

type FactsOf<T extends WordTable, C extends keyof T> = Parameters<T[C]>[0];

/** An outcome that ends the command: a code, the facts, and the words made from them. */
export abstract class TrovestackError extends Error {
  abstract readonly errorClass: ErrorClass;
  readonly code: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly words: Words;

  protected constructor(code: string, facts: object, words: Words, options?: ErrorOptions) {
    super(words.message, options);
    this.code = code;
    this.facts = facts as Readonly<Record<string, unknown>>;
    this.words = words;
  }

  get exitCode(): number {
    return exitCodes[this.errorClass];
  }
}

function speak<T extends WordTable, C extends keyof T & string>(table: T, code: C, facts: FactsOf<T, C>): Words {
  const say = table[code];
  if (!say) throw new Bug('no-words', {code});
  return say(facts);
}

/** The person typing, or writing the file, can mend it. */
export class UsageError<C extends keyof typeof usageWords = keyof typeof usageWords> extends TrovestackError {
  readonly errorClass = 'usage';
  constructor(code: C, facts: FactsOf<typeof usageWords, C>, options?: ErrorOptions) {
    super(code, facts, speak(usageWords, code, facts), options);
  }
}

/** The element's author can mend it. */
export class StepError<C extends keyof typeof stepWords = keyof typeof stepWords> extends TrovestackError {
  readonly errorClass = 'step';
  constructor(code: C, facts: FactsOf<typeof stepWords, C>, options?: ErrorOptions) {
    super(code, facts, speak(stepWords, code, facts), options);
  }
}

/** Whoever owns this machine can mend it. */
export class HostError<C extends keyof typeof hostWords = keyof typeof hostWords> extends TrovestackError {
  readonly errorClass = 'host';
  constructor(code: C, facts: FactsOf<typeof hostWords, C>, options?: ErrorOptions) {
    super(code, facts, speak(hostWords, code, facts), options);
  }
}

/** The cloud's operator can mend it. */
export class CloudError<C extends keyof typeof cloudWords = keyof typeof cloudWords> extends TrovestackError {
  readonly errorClass = 'cloud';
  constructor(code: C, facts: FactsOf<typeof cloudWords, C>, options?: ErrorOptions) {
    super(code, facts, speak(cloudWords, code, facts), options);
  }
}

/** Ctrl-C or SIGTERM: the work was put down and everything started was ended. */
export class Interrupted extends TrovestackError {
  readonly errorClass = 'interrupted';
  constructor(signalName: string) {
    super(
      'interrupted',
      {signalName},
      {
        message: `Stopped by ${signalName}: what was finished is kept, what was half done is removed`,
        next: 'run the same command again to go on',
      },
    );
  }
}

/** A mistake of ours: a state that the code says cannot be. */
export class Bug extends TrovestackError {
  readonly errorClass = 'bug';
  constructor(code: string, facts: object, options?: ErrorOptions) {
    super(code, facts, {message: `A state that should not be: ${code} ${JSON.stringify(facts)}`}, options);
  }
}

/** Ends a switch over a union: reaching it is a bug, and the compiler says so first. */
export function unreachable(value: never): never {
  throw new Bug('unreachable', {value});
}

/** The error code of Node's own errors (`ENOENT`, `ENOSPC`, …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** System errors of the store, or another folder of ours, in words of whoever owns the machine; others as they are. */
export function storeError(error: unknown, path: string, doing = 'the build'): unknown {
  const code = systemErrorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new HostError('disk-full', {doing, path});
  if (code === 'EROFS' || code === 'EACCES') return new HostError('no-access', {path, problem: code});
  return error;
}
