/** Everything that code below `cli` tells while it works. Reporters handle all of it. */
export type Event =
  /** A stage of a workflow, for example "build the image". Durations in milliseconds. */
  | {readonly type: 'stage started'; readonly stage: string; readonly title: string}
  | {
      readonly type: 'stage finished';
      readonly stage: string;
      readonly title: string;
      readonly durationMs: number;
      /** What was reused rather than done, in words; absent when nothing was. */
      readonly reused?: string;
      readonly detail?: string;
    }
  /** The plan of a build, before anything runs. */
  | {readonly type: 'plan ready'; readonly image: string; readonly steps: number; readonly reused: number}
  | {readonly type: 'step started'; readonly step: string; readonly reason: string}
  | {readonly type: 'step reused'; readonly step: string}
  | {readonly type: 'step finished'; readonly step: string; readonly reason: string; readonly durationMs: number}
  /** Progress of one long act. `total` is absent when unknown. */
  | {
      readonly type: 'progress';
      readonly what: string;
      readonly done: number;
      readonly total?: number;
      readonly unit: 'bytes' | 'items';
    }
  /** A point reached by a guest or a cloud, counted from the start of its boot or request. */
  | {readonly type: 'milestone'; readonly name: string; readonly atMs: number; readonly detail?: string}
  /** One change made (or already as wanted) in a cloud. */
  | {readonly type: 'action'; readonly action: string; readonly target: string; readonly reason: string}
  | {readonly type: 'note'; readonly text: string}
  | {readonly type: 'warning'; readonly text: string}
  /** A line of a program's output, shown with --verbose. */
  | {readonly type: 'output'; readonly source: string; readonly line: string};

export type Emit = (event: Event) => void;
