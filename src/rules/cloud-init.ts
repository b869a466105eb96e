import type {ExaminedImage} from './examined-image.js';
import {at, fact, type Rule} from './rule.js';

export const cloudInitRules: readonly Rule[] = [
  {
    id: 'cloud-init.enabled',
    severity: 'error',
    statement: 'cloud-init runs at boot',
    reason:
      "Trove hands the agent's identity and configuration over as user data; without it the agent has nobody to be.",
    remedy: 'Install cloud-init and enable its units; remove /etc/cloud/cloud-init.disabled',
    source: "Trove's taskmanager: user data with write_files; cloud-init(1)",
    find: (image) => {
      if (!isInstalled(image)) return fact('cloud-init is not installed');
      const disabled = image.entry('/etc/cloud/cloud-init.disabled');
      if (disabled) return [at(disabled.path, 'it disables cloud-init')];
      const wanted = [
        'cloud-init-local.service',
        'cloud-init-network.service',
        'cloud-init.service',
        'cloud-config.service',
      ];
      const known = wanted.filter((name) => image.units.has(name));
      const off = known.filter((name) => !['enabled', 'static'].includes(image.units.get(name) ?? ''));
      return off.map((name) => at(name, `this unit is ${image.units.get(name)}`));
    },
  },
  {
    id: 'cloud-init.config-drive',
    severity: 'error',
    statement: 'cloud-init reads a config drive',
    reason:
      'Trove gives each instance a config drive by default (use_nova_server_config_drive), which nobody would read.',
    remedy:
      'Put ConfigDrive first into datasource_list in /etc/cloud/cloud.cfg.d/90_*.cfg (DIB_CLOUD_INIT_DATASOURCES)',
    source: 'Trove: use_nova_server_config_drive = True; cloud-init: datasources',
    find: (image) => missingSource(image, 'ConfigDrive'),
  },
  {
    id: 'cloud-init.metadata-service',
    severity: 'warning',
    statement: "cloud-init asks OpenStack's metadata service",
    reason: 'In a cloud that gives no config drives the guest gets no user data.',
    remedy: 'Put OpenStack behind ConfigDrive into datasource_list',
    source: 'cloud-init: datasources',
    find: (image) => missingSource(image, 'OpenStack'),
  },
  {
    id: 'cloud-init.writes-files',
    severity: 'error',
    statement: "cloud-init writes user data's files",
    reason: "guest_info.conf and trove-guestagent.conf, which the agent's start needs, come as write_files.",
    remedy: 'Keep write_files among cloud_init_modules',
    source: "Trove's taskmanager: user data with write_files",
    find: (image) => {
      if (!isInstalled(image)) return [];
      const list = lastSetting(image, 'cloud_init_modules');
      if (list === undefined || /\bwrite[-_]files\b/.test(list.value)) return [];
      return [at(list.path, 'cloud_init_modules has no write_files')];
    },
  },
  {
    id: 'cloud-init.fresh',
    severity: 'error',
    statement: 'cloud-init takes its first boot for the first',
    reason:
      "It remembers the instance that the image was taken from, and its user data too, with that instance's secrets.",
    remedy: 'Run cloud-init clean --logs in cleanup.d',
    source: 'cloud-init(1), clean',
    find: ({below}) => {
      const left = below('/var/lib/cloud').filter(({path}) => /\/(instance|instances\/[^/]+|sem\/[^/]+)$/.test(path));
      return left.slice(0, 3).map(({path}) => at(path, 'state of an earlier boot'));
    },
  },
  {
    id: 'cloud-init.leaves-the-volume',
    severity: 'warning',
    statement: 'cloud-init leaves the second disk alone',
    reason: 'The guest agent formats and mounts it; cloud-init, which takes it for a scratch disk, may do so before.',
    remedy: 'Set mounts: [[ephemeral0, null]] in /etc/cloud/cloud.cfg.d',
    source: 'cloud-init: cc_mounts, cc_disk_setup',
    find: (image) => {
      if (!isInstalled(image) || image.content.texts['/etc/cloud/cloud.cfg'] === undefined) return [];
      const all = settingFiles(image).map((path) => image.text(path) ?? '');
      const isOff = all.some((text) => /ephemeral0\s*,\s*(null|none)/i.test(text));
      const runs = lastSetting(image, 'cloud_init_modules')?.value ?? lastSetting(image, 'cloud_config_modules')?.value;
      const mounts = runs === undefined || /\bmounts\b/.test(runs);
      return isOff || !mounts ? [] : fact('ephemeral0 is mounted by default');
    },
  },
];

function isInstalled({packages, entry}: ExaminedImage): boolean {
  return packages.has('cloud-init') || entry('/usr/bin/cloud-init') !== undefined;
}

function missingSource(image: ExaminedImage, name: string) {
  if (!isInstalled(image)) return [];
  const list = lastSetting(image, 'datasource_list');
  if (list === undefined || new RegExp(`\\b${name}\\b`).test(list.value)) return [];
  return [at(list.path, `datasource_list is ${list.value.replace(/\s+/g, ' ').trim()}`)];
}

/** In the order in which cloud-init reads them: later ones win. */
function settingFiles({below}: ExaminedImage): string[] {
  const own = below('/etc/cloud/cloud.cfg.d').map(({path}) => path);
  return ['/etc/cloud/cloud.cfg', ...own.filter((path) => path.endsWith('.cfg')).sort()];
}

/** The text of a top-level key, block or flow form, of the last file that has it. */
function lastSetting(image: ExaminedImage, key: string): {readonly path: string; readonly value: string} | undefined {
  const pattern = new RegExp(
    `^${key}:[ \\t]*((?:\\[[^\\]]*\\])|(?:[^\\n]*(?:\\n(?:[ \\t]+|-|#|(?=\\n))[^\\n]*)*))`,
    'm',
  );
  return settingFiles(image)
    .flatMap((path) => {
      const value = pattern.exec(image.text(path) ?? '')?.[1];
      return value === undefined ? [] : [{path, value}];
    })
    .at(-1);
}
