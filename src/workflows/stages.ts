import type {World} from '../base/index.js';

/** How one stage of a workflow went. */
export interface StageReport {
  readonly stage: string;
  readonly durationMs: number;
  /** What was reused rather than done, in words. */
  readonly reused?: string;
}

/** What a stage hands back beside its value: words for its last line. */
export interface StageOutcome<T> {
  readonly value: T;
  readonly reused?: string;
  readonly detail?: string;
}

/** Tells the stages of one workflow as they go, and keeps their times. */
export class Stages {
  readonly reports: StageReport[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Runs one stage. A stage that throws is told by the error alone. */
  async run<T>(stage: string, title: string, work: () => Promise<StageOutcome<T>>): Promise<T> {
    this.#world.signal.throwIfAborted();
    this.#world.emit({type: 'stage started', stage, title});
    const start = performance.now();
    const {value, reused, detail} = await work();
    const durationMs = Math.round(performance.now() - start);
    const notes = {...(reused ? {reused} : {}), ...(detail ? {detail} : {})};
    this.#world.emit({type: 'stage finished', stage, title, durationMs, ...notes});
    this.reports.push({stage, durationMs, ...(reused ? {reused} : {})});
    return value;
  }
}
