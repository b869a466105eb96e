import {UsageError} from '../base/index.js';
import type {Profile} from './profile.js';

/** What runs in a devcloud of a series, where series differ. */
export interface CloudSeries {
  /** Of OpenStack. */
  readonly name: string;
  /** Release of Debian whose packages the services are, whatever the host's. */
  readonly release: string;
  /** Keystone's WSGI program. */
  readonly identityProgram: string;
  /** Glance's WSGI program; absent where `glance-api` serves by itself. */
  readonly imageProgram?: string;
  readonly profiles: readonly Profile[];
}

const modules = '/usr/lib/python3/dist-packages';

/** Source: the packages keystone, glance-api and trove-api of each release. Trove's own REST is the same in all three, but for
 * members that are added (`registry_ext` and `repl_strategy` of datastore versions with Trove 23, `ssl` of instances with 26).
 */
export const cloudSeries: readonly CloudSeries[] = [
  // Keystone 22, Glance 25, Trove 18.
  {name: 'zed', release: 'bookworm', identityProgram: '/usr/bin/keystone-wsgi-public', profiles: ['api']},
  // Keystone 27, Glance 30, Trove 23.
  {name: '2025.1', release: 'trixie', identityProgram: '/usr/bin/keystone-wsgi-public', profiles: ['api', 'full']},
  // Keystone 30 has its WSGI program as a module alone; Glance 33 refuses to serve by itself. Trove 26.
  {
    name: '2026.2',
    release: 'sid',
    identityProgram: `${modules}/keystone/wsgi/api.py`,
    imageProgram: `${modules}/glance/wsgi/api.py`,
    profiles: ['api'],
  },
];

/** The series of a new devcloud, and of those that were made before there was a choice. */
export const defaultCloudSeries = '2025.1';

/** @throws {UsageError} `bad-argument` for a series that no devcloud can be of, or not with this profile. */
export function chooseCloudSeries(name: string, profile: Profile): CloudSeries {
  const argument = `--series ${name}`;
  const found = cloudSeries.find((series) => series.name === name.toLowerCase());
  if (!found) {
    const next = `the series are ${cloudSeries.map((series) => series.name).join(', ')}`;
    throw new UsageError('bad-argument', {argument, problem: 'no devcloud is made of this series', next});
  }
  if (found.profiles.includes(profile)) return found;
  const problem = `of this series there are devclouds with the profile ${found.profiles.join(', ')} alone`;
  const next = `trovestack devcloud up --series ${found.name} --profile ${found.profiles[0]}`;
  throw new UsageError('bad-argument', {argument, problem, next});
}
