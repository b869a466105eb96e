import {resolve} from 'node:path';
import type {Emit} from './events.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where things are kept on this machine; absolute paths. */
export interface Paths {
  /** This repository (or the place that it was dropped into): elements/, datastores/, devcloud/. */
  readonly home: string;
  /** Rebuildable: step results, debs, roots. `$TROVESTACK_STORE`, else `$XDG_CACHE_HOME/trovestack`. */
  readonly store: string;
  /** Not rebuildable: devclouds and what they hold. `$TROVESTACK_STATE`, else `$XDG_STATE_HOME/trovestack`. */
  readonly state: string;
  /** People's own: signing keys, and the public keys that they trust. `$TROVESTACK_DATA`, else `$XDG_DATA_HOME/trovestack`. */
  readonly data: string;
}

/** The short list of effects that a workflow may use. */
export interface World {
  readonly emit: Emit;
  /** Aborted by Ctrl-C and SIGTERM; its reason is an `Interrupted`. */
  readonly signal: AbortSignal;
  readonly env: Environment;
  readonly paths: Paths;
}

/** Places from the environment, as the XDG base directory specification has them. */
export function pathsFrom(env: Environment, home: string): Paths {
  const userHome = env.HOME ?? '/root';
  return {
    home,
    store: resolve(env.TROVESTACK_STORE || `${env.XDG_CACHE_HOME || `${userHome}/.cache`}/trovestack`),
    state: resolve(env.TROVESTACK_STATE || `${env.XDG_STATE_HOME || `${userHome}/.local/state`}/trovestack`),
    data: resolve(env.TROVESTACK_DATA || `${env.XDG_DATA_HOME || `${userHome}/.local/share`}/trovestack`),
  };
}
