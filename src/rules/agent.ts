import type {ExaminedImage} from './examined-image.js';
import {at, fact, type Rule} from './rule.js';

export const agentRules: readonly Rule[] = [
  {
    id: 'agent.installed',
    severity: 'error',
    statement: "Trove's guest agent is installed",
    reason: 'Nobody answers the control plane: the instance stays in BUILD until its time-out, half an hour.',
    remedy: 'Add the element trove-guest-agent',
    source: "Trove's taskmanager: usage_timeout",
    find: (image) =>
      agentVersion(image) ? [] : fact('no package trove-guestagent and no virtual environment with trove'),
  },
  {
    id: 'agent.series',
    severity: 'error',
    statement: 'the guest agent is of the series that it is for',
    reason: "An agent of another series does not understand the control plane's messages, or lacks them.",
    remedy: 'Build with --series of the cloud: trovestack image build NAME --series SERIES',
    source: "Debian's trove packages of each series",
    find: (image) => {
      const found = agentVersion(image);
      const wanted = image.purpose?.series;
      if (!found || !wanted || Number.parseInt(found.version, 10) === wanted.troveVersion) return [];
      return fact(`it is ${found.version}, series ${wanted.name} has ${wanted.troveVersion}`);
    },
  },
  {
    id: 'agent.unit',
    severity: 'error',
    statement: "the guest agent's unit is enabled",
    reason: 'The agent never starts, and the instance stays in BUILD until its time-out.',
    remedy: 'systemctl enable the unit in post-install.d',
    source: 'systemctl(1), is-enabled',
    find: (image) => {
      if (!agentVersion(image)) return [];
      const known = agentUnits.filter((name) => image.units.has(name));
      if (known.length === 0) return fact(`none of ${agentUnits.join(', ')} is there`);
      if (known.some((name) => image.units.get(name) === 'enabled')) return [];
      return known.map((name) => at(name, `this unit is ${image.units.get(name)}`));
    },
  },
  {
    id: 'agent.configuration',
    severity: 'error',
    statement: 'the guest agent reads what Trove writes for it',
    reason:
      'Trove writes guest_info.conf and trove-guestagent.conf into /etc/trove/conf.d; elsewhere they are not looked for.',
    remedy: 'Start it with --config-dir=/etc/trove/conf.d',
    source: 'Trove: injected_config_location = /etc/trove/conf.d',
    find: (image) => {
      const unit = agentUnit(image);
      if (!unit || /--config-dir[= ]\/etc\/trove\/conf\.d\b/.test(unit.text)) return [];
      if (/--config-file[= ]\S*\/etc\/trove\/conf\.d\/\S+/.test(unit.text)) return [];
      return [at(unit.name, `its ExecStart names no /etc/trove/conf.d: ${execStart(unit.text)}`)];
    },
  },
  {
    id: 'agent.program',
    severity: 'error',
    statement: "the program that the agent's unit starts is there",
    reason: 'systemd says "203/EXEC" and tries again for ever.',
    remedy: 'Correct ExecStart, or install what it names',
    source: 'systemd.exec(5), exit codes',
    find: (image) => {
      const unit = agentUnit(image);
      const program = /^[-+!@:]*(\/\S+)/.exec(execStart(unit?.text ?? ''))?.[1];
      if (!unit || program === undefined || image.entry(program)) return [];
      return [at(unit.name, `there is no ${program}`)];
    },
  },
  {
    id: 'agent.after-user-data',
    severity: 'error',
    statement: 'the guest agent starts after cloud-init wrote its configuration',
    reason: 'It starts without knowing who it is, and ends; whether it is started again in time is luck.',
    remedy: 'After=cloud-init-network.service (cloud-init 24.3 and later) or cloud-init.service',
    source: 'cloud-init: boot stages',
    find: (image) => {
      const unit = agentUnit(image);
      if (!unit || /^\s*After\s*=.*\b(cloud-(init|config|final)|multi-user\.target)/m.test(unit.text)) return [];
      return [at(unit.name, 'its unit is ordered after nothing of cloud-init')];
    },
  },
  {
    id: 'agent.user',
    severity: 'error',
    statement: "the guest agent's user exists",
    reason: 'systemd says "217/USER" and the agent never starts.',
    remedy: 'Make the user in install.d, before the unit is enabled',
    source: 'systemd.exec(5), exit codes',
    find: (image) => {
      const unit = agentUnit(image);
      const user = unit && agentUser(unit.text);
      if (!unit || user === undefined || image.users.some(({name}) => name === user)) return [];
      return [at(unit.name, `there is no user ${user}`)];
    },
  },
  {
    id: 'agent.sudo',
    severity: 'error',
    statement: 'the guest agent may use sudo without a password',
    reason: 'It formats and mounts the volume and changes owners by sudo: prepare fails at the first of them.',
    remedy: 'A file in /etc/sudoers.d of mode 0440, root:root: USER ALL=(ALL) NOPASSWD: ALL',
    source: "Trove's guest agent: execute_with_timeout(run_as_root=True, root_helper='sudo'); sudoers(5)",
    find: (image) => {
      const unit = agentUnit(image);
      const user = unit && agentUser(unit.text);
      if (!unit || user === undefined || user === 'root') return [];
      const groups = image.groups.filter(({members}) => members.includes(user)).map(({name}) => `%${name}`);
      const files = ['/etc/sudoers', ...image.below('/etc/sudoers.d').map(({path}) => path)];
      const names = [user, ...groups].map((name) => name.replace(/[.*+?^$|()[\]{}\\]/g, '\\$&')).join('|');
      const rule = new RegExp(`^\\s*(${names})\\s+ALL\\s*=.*NOPASSWD:\\s*ALL`, 'm');
      const granting = files.filter((path) => rule.test(image.text(path) ?? ''));
      if (granting.length === 0) return fact(`no rule lets ${user} run everything without a password`);
      const read = granting.filter((path) => isReadBySudo(image, path));
      return read.length > 0 ? [] : granting.map((path) => at(path, 'sudo passes it over: its mode, owner or name'));
    },
  },
  {
    id: 'agent.configuration-folder',
    severity: 'error',
    statement: 'the folder for its configuration is there',
    reason: 'The agent refuses --config-dir of a folder that is not there; cloud-init may write into it only later.',
    remedy: 'install -d /etc/trove/conf.d',
    source: 'oslo.config: ConfigDirNotFoundError',
    find: (image) => {
      if (!agentVersion(image)) return [];
      return image.entry('/etc/trove/conf.d')?.type === 'folder' ? [] : fact('no /etc/trove/conf.d');
    },
  },
  {
    id: 'agent.no-identity',
    severity: 'error',
    statement: "the image has no instance's identity",
    reason: 'Each instance would report as the one that the image was taken from.',
    remedy: 'Empty /etc/trove/conf.d in cleanup.d',
    source: "Trove's guest_info.conf: guest_id",
    find: (image) =>
      image
        .below('/etc/trove/conf.d')
        .filter(({path}) => /^\s*(guest_id|instance_rpc_encr_key)\s*=\s*\S/m.test(image.text(path) ?? ''))
        .map(({path}) => at(path, 'it names an instance')),
  },
  {
    id: 'agent.manifest',
    severity: 'warning',
    statement: 'the image says what it is',
    reason: 'Load and activate cannot compare its series with that of the cloud.',
    remedy: 'Build it with trovestack image build',
    source: '/etc/trovestack/manifest.json',
    find: ({text, entry}) => {
      const path = '/etc/trovestack/manifest.json';
      if (!entry(path)) return fact(`no ${path}`);
      try {
        JSON.parse(text(path) ?? '');
        return [];
      } catch (error) {
        return [at(path, `it is no JSON: ${(error as Error).message}`)];
      }
    },
  },
];

const agentUnits = ['trove-guestagent.service', 'guest-agent.service', 'trove-guest.service'];

interface AgentVersion {
  readonly version: string;
}

/** By dpkg, or by the metadata of a virtual environment's package. */
function agentVersion({packages, content}: ExaminedImage): AgentVersion | undefined {
  const packaged = packages.get('trove-guestagent');
  if (packaged) return {version: packaged.version.replace(/^\d+:/, '')};
  for (const {path} of content.listing) {
    const version =
      /\/(?:site|dist)-packages\/(?:openstack_)?trove-(\d[^/]*?)(?:\.dist-info|-py[\d.]+\.egg-info|\.egg-info)$/.exec(
        path,
      )?.[1];
    if (version !== undefined) return {version};
  }
  return undefined;
}

/** The unit that starts the agent: the enabled one of those known. */
export function agentUnit(image: ExaminedImage): {readonly name: string; readonly text: string} | undefined {
  const known = agentUnits.filter((unit) => image.units.has(unit));
  const name = known.find((unit) => image.units.get(unit) === 'enabled') ?? known[0];
  return name === undefined ? undefined : {name, text: image.unitText(name)};
}

export function agentUser(text: string): string | undefined {
  return [...text.matchAll(/^\s*User\s*=\s*(\S+)\s*$/gm)].at(-1)?.[1];
}

function execStart(text: string): string {
  return [...text.matchAll(/^\s*ExecStart\s*=\s*(\S.*)$/gm)].at(-1)?.[1] ?? '';
}

/** sudo passes over files that others may write, that aren't root's, and names with a dot or a tilde at the end. */
function isReadBySudo(image: ExaminedImage, path: string): boolean {
  const found = image.entry(path);
  const name = path.split('/').at(-1) ?? '';
  if (path !== '/etc/sudoers' && (name.includes('.') || name.endsWith('~'))) return false;
  return found !== undefined && found.uid === 0 && (found.mode & 0o022) === 0;
}
