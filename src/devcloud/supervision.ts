/** One program that a devcloud's supervisor starts. */
export interface SupervisedProgram {
  readonly name: string;
  /** A service has to stay, and is restarted; a task has to end with 0 once. */
  readonly kind: 'service' | 'task';
  readonly user: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Started when all are met. */
  readonly after: readonly Condition[];
}

/** A port of the devcloud that answers, a socket that answers, a task that ended well. */
export type Condition = `tcp:${number}` | `unix:${string}` | `done:${string}`;

export interface InnerFolder {
  readonly path: string;
  /** "user:group" */
  readonly owner: string;
  /** Octal. */
  readonly mode: string;
}

export interface InnerFile extends InnerFolder {
  readonly text: string;
}

/** All that a supervisor is told: the first line of its standard input. Read by devcloud/supervisor.py. */
export interface SupervisorPlan {
  /** "stopped": runs until told to stop. "tasks done": stops by itself when every task has ended well, or one has not. */
  readonly until: 'stopped' | 'tasks done';
  readonly network: {readonly address: string; readonly gateway: string} | null;
  readonly folders: readonly InnerFolder[];
  readonly files: readonly InnerFile[];
  readonly services: readonly SupervisedProgram[];
  /** Names of services that are killed before anything else is stopped. */
  readonly killFirst: readonly string[];
  /** libvirt's address of the hypervisor whose virtual machines are shut down next, when SIGTERM stops it (SIGINT: cut off). */
  readonly hypervisor: string | null;
  /** Names of services that keep data: they are waited for. */
  readonly endCleanly: readonly string[];
}

/** What a supervisor says of one program. Written by devcloud/supervisor.py. */
export interface ProgramState {
  readonly name: string;
  readonly kind: 'service' | 'task';
  readonly state: 'waiting' | 'running' | 'restarting' | 'done' | 'failed';
  readonly restarts: number;
}
