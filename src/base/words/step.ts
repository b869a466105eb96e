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
    /** What it printed last. */
    output?: string;
    next?: string;
  }): Words => ({
    message: `Cannot finish image "${f.image}": ${f.phase}/${f.hook} ${f.outcome}`,
    details: {element: `${f.element}, phase ${f.phase}`, log: f.log, ...(f.output ? {said: f.output} : {})},
    ...(f.next ? {next: f.next} : {}),
  }),
  'gate-closed': (f: {image: string; cloud: string; findings: readonly {detail: string; next?: string}[]}): Words => ({
    message: `Cannot let image "${f.image}" serve in cloud "${f.cloud}": ${f.findings[0]?.detail ?? ''}`,
    ...(f.findings.length > 1
      ? {details: Object.fromEntries(f.findings.slice(1).map(({detail}, i) => [`also ${i + 1}`, detail]))}
      : {}),
    next: f.findings.find(({next}) => next !== undefined)?.next ?? 'trovestack image build makes one that may',
  }),
  'image-changed': (f: {file: string}): Words => ({
    message: `Cannot sign image "${f.file}": it was changed while it was looked at`,
    next: 'the same command again, when nobody writes to the file',
  }),
  'own-block-device': (f: {image: string; step: string; device: string}): Words => ({
    message: `Cannot finish image "${f.image}": ${f.step} brings a block device of its own, "${f.device}"`,
    details: {wanted: 'a block device configuration: disks are made as files, without devices or mounts'},
    next: 'describe the disk in DIB_BLOCK_DEVICE_CONFIG, or in block-device-default.yaml of an element',
  }),
  'step-failed': (f: {
    image: string;
    step: string;
    outcome: string;
    log: string;
    output: string;
    next?: string;
  }): Words => ({
    message: `Cannot finish image "${f.image}": ${f.step} ${f.outcome}`,
    details: {log: f.log, ...(f.output ? {said: f.output} : {})},
    ...(f.next ? {next: f.next} : {}),
  }),
  'ended-in-shell': (f: {step: string; exitCode: number | null}): Words => ({
    message: `Cannot go on with the build: the shell at step ${f.step} ended with ${f.exitCode}, which asks to stop`,
    next: 'the same command again; "exit 0" in the shell goes on',
  }),
  'environment-failed': (f: {files: string; outcome: string; output: string}): Words => ({
    message: `Cannot read the elements' environment.d: bash ${f.outcome}`,
    details: {files: f.files, ...(f.output ? {said: f.output} : {})},
  }),
  'nothing-boots': (f: {image: string; problem: string; next: string}): Words => ({
    message: `Cannot make a boot loader for image "${f.image}": ${f.problem}`,
    next: f.next,
  }),
  'image-unsound': (f: {file: string; check: string; detail: string}): Words => ({
    message: `Cannot use the image "${f.file}": ${f.check}: ${f.detail}`,
    next: 'build it again: trovestack image build',
  }),
  'image-over-limit': (f: {file: string; doing: string; limit: string}): Words => ({
    message: `Cannot finish ${f.doing} of the image "${f.file}": it takes more than ${f.limit}`,
    next: 'such an image is damaged, or made to do harm: ask whoever made it for another, or build one: trovestack image build',
  }),
  'boot-not-proven': (f: {
    file: string;
    firmware: string;
    accelerator: string;
    /** "image: dns", for programs. */
    kind: string;
    /** The kind with what was seen. */
    cause: string;
    remedy: string;
    milestones: readonly {readonly name: string; readonly atMs: number}[];
    console: readonly string[];
    log: string;
  }): Words => ({
    message: `Cannot prove that "${f.file}" boots and serves: ${f.cause}`,
    details: {
      remedy: f.remedy,
      reached: f.milestones.map((m) => `${m.name} ${(m.atMs / 1000).toFixed(1)} s`).join(', ') || 'nothing',
      machine: `${f.firmware} on ${f.accelerator}`,
      console: f.console.join('\n'),
      log: f.log,
    },
    next: `trovestack image boot ${f.file}`,
  }),
} as const;
