import {Option} from 'commander';
import type {DevcloudStatus} from '../workflows/devcloud-status.js';

/** `--name`, as every devcloud command has it. */
export function nameOption(): Option {
  return new Option('--name <name>', 'which devcloud').default('devcloud', 'devcloud');
}

/** A devcloud's status for people. */
export function describeStatus(status: DevcloudStatus): string {
  const rows = [
    ['profile', status.profile],
    ['series', status.series],
    ...(status.address ? [['address', status.address]] : []),
    ...(status.instances ? [['instances', status.instances]] : []),
    ['cloud', `${status.cloud} in ${status.cloudsFile}`],
    ...(status.startedAt ? [['since', status.startedAt]] : []),
    ...status.services.map(({name, state}) => [name, state]),
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length)) + 2;
  const lines = rows.map(([name = '', value = '']) => `  ${name.padEnd(width)}${value}`);
  return [`devcloud "${status.name}" is ${status.running ? 'up' : 'down'}`, ...lines].join('\n');
}

/** What to do with a devcloud that has just come up. */
export function describeUp(status: DevcloudStatus): string {
  const name = status.name === 'devcloud' ? '' : ` --name ${status.name}`;
  return [
    `devcloud "${status.name}" is up at ${status.address} (profile ${status.profile}, series ${status.series})`,
    `  look around   trovestack devcloud exec${name} -- openstack datastore list`,
    `  from outside  eval "$(trovestack devcloud env${name})"`,
    `  stop          trovestack devcloud down${name}    (destroy forgets it)`,
  ].join('\n');
}

/** `export NAME='value'` lines for a POSIX shell. */
export function shellExports(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
    .join('\n');
}
