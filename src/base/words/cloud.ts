import type {Words} from './words.js';

/** Words of the errors that a cloud's operator can mend. Exit code 5. */
export const cloudWords = {
  unreachable: (f: {service: string; url: string; problem: string}): Words => ({
    message: `Cannot reach ${f.service} at "${f.url}": ${f.problem}`,
    next: 'check the address in clouds.yaml or OS_AUTH_URL, and the network to it',
  }),
} as const;
