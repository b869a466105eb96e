/** Definition, elements and known results → steps with keys and reasons. Pure. Read `step.ts`, then `steps.ts` (which steps a
 * tree has), then `plan.ts` (which of them run, and why). */
export * from './plan.js';
export * from './step.js';
export * from './steps.js';
