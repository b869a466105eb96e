import {agentRules} from './agent.js';
import {cloudInitRules} from './cloud-init.js';
import {diskRules} from './disk.js';
import {hygieneRules} from './hygiene.js';
import {payloadRules} from './payload.js';
import type {Rule} from './rule.js';
import {secretRules} from './secrets.js';
import {systemRules} from './system.js';

/** Every rule, in the order of reports: from what keeps the guest from booting to what it gives away. */
export const rules: readonly Rule[] = [
  ...diskRules,
  ...systemRules,
  ...cloudInitRules,
  ...agentRules,
  ...payloadRules,
  ...hygieneRules,
  ...secretRules,
];
