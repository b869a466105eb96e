import type {Words} from './words.js';

/** Words of the errors that a cloud's operator can mend. Exit code 5. */
export const cloudWords = {
  unreachable: (f: {service: string; url: string; problem: string}): Words => ({
    message: `Cannot reach ${f.service} at "${f.url}": ${f.problem}`,
    next: 'check the address in clouds.yaml or OS_AUTH_URL, and the network to it',
  }),
  'wrong-credentials': (f: {cloud: string; url: string; problem: string}): Words => ({
    message: `Cannot sign in to cloud "${f.cloud}": ${f.problem}`,
    details: {identity: f.url},
    next: 'check user, password, project and domains of that cloud in clouds.yaml or OS_*',
  }),
  'not-authorized': (f: {method: string; url: string; problem: string}): Words => ({
    message: `Cannot go on: the cloud doesn't allow ${f.method} to these credentials: ${f.problem}`,
    details: {url: f.url},
    next: 'registering a datastore version needs the role "admin" in its project',
  }),
  'no-such-service': (f: {
    cloud: string;
    service: string;
    region?: string | undefined;
    known: readonly string[];
    regions: readonly string[];
  }): Words => ({
    message: `Cannot find the ${f.service} service in cloud "${f.cloud}"${f.region ? `, region "${f.region}"` : ''}`,
    details: f.regions.length ? {regions: f.regions.join(', ')} : {offered: f.known.join(', ') || 'nothing'},
    next: f.regions.length
      ? 'choose one of these regions with --region, or in clouds.yaml'
      : f.service === 'database'
        ? 'this needs a cloud with Trove: trovestack devcloud up starts one'
        : 'openstack catalog list',
  }),
  'over-quota': (f: {method: string; url: string; problem: string}): Words => ({
    message: `Cannot go on: a quota or a size limit of the cloud is reached: ${f.problem}`,
    details: {url: f.url},
    next: 'raise the limit, or free what is no longer used; then run the same command again',
  }),
  'no-room': (f: {cloud: string; problem: string}): Words => ({
    message: `Cannot upload to cloud "${f.cloud}", nothing was sent: ${f.problem}`,
    next: 'trovestack image prune --dry-run shows images that nothing uses; or have the limit raised',
  }),
  'canary-failed': (f: {image: string; problem: string}): Words => ({
    message: `Cannot activate image "${f.image}", nothing was switched: its trial instance failed: ${f.problem}`,
    next: 'trovestack image verify FILE --boot tells why; --no-canary activates without a trial',
  }),
  'activation-failed': (f: {version: string; cloud: string; problem: string; outcome: string}): Words => ({
    message: `Cannot activate ${f.version} in cloud "${f.cloud}": ${f.problem}`,
    details: {outcome: f.outcome},
    next: 'trovestack image status shows what serves now; then run the same command again',
  }),
  'request-failed': (f: {method: string; url: string; outcome: string}): Words => ({
    message: `Cannot finish ${f.method} "${f.url}": ${f.outcome}`,
  }),
  'image-rejected': (f: {image: string; problem: string}): Words => ({
    message: `Cannot load image "${f.image}": ${f.problem}`,
    next: 'run the same command again: what is incomplete is taken up or replaced',
  }),
  'not-as-written': (f: {what: string; wanted: string; found: string}): Words => ({
    message: `Cannot confirm ${f.what}: wanted "${f.wanted}", the cloud says "${f.found}"`,
    next: "look into the service's log: it accepted the change but didn't make it",
  }),
  'instance-failed': (f: {instance: string; status: string; fault: string}): Words => ({
    message: `Cannot use database instance "${f.instance}": it is ${f.status}: ${f.fault}`,
    next: 'openstack database instance show, and the console log of its server, tell more',
  }),
  'too-late': (f: {what: string; seconds: number; last: string}): Words => ({
    message: `Cannot wait longer for ${f.what}: after ${f.seconds} s the last state is "${f.last}"`,
  }),
  'guest-silent': (f: {method: string; url: string; problem: string}): Words => ({
    message: `Cannot finish ${f.method} "${f.url}": the guest agent of the instance does not answer`,
    details: {said: f.problem},
    next: 'openstack database instance show INSTANCE tells its state; its console tells how far it booted',
  }),
  'nothing-suitable': (f: {what: string; cloud: string}): Words => ({
    message: `Cannot create an instance in cloud "${f.cloud}": it has no ${f.what}`,
    next: `openstack --os-cloud ${f.cloud} flavor list; openstack --os-cloud ${f.cloud} network list`,
  }),
  'query-failed': (f: {datastore: string; problem: string}): Words => ({
    message: `Cannot ask the ${f.datastore} server in the instance: ${f.problem}`,
    next: 'trovestack devcloud logs trove-taskmanager',
  }),
} as const;
