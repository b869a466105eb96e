import {parsePasswords} from '../inspection/index.js';
import {agentUnit, agentUser} from './agent.js';
import {homesOf, named} from './hygiene.js';
import {at, fact, type Rule} from './rule.js';
import {loginsOfSshd} from './sshd-settings.js';

export const secretRules: readonly Rule[] = [
  {
    id: 'secrets.private-keys',
    severity: 'error',
    statement: 'there are no private keys of people',
    reason: "Whoever reads the image in Glance, or has an instance of it, has the builder's key.",
    remedy: "Don't copy keys into images; the key that upstream's trovestack builds in is the builder's own",
    source: "Trove's integration/scripts: the guest-agent element's SSH keys",
    find: (image) => {
      const inHomes = homesOf(image).flatMap((home) => image.below(`${home}/.ssh`));
      const others = image.below('/etc/ssh').filter(({path}) => !/\/ssh_host_/.test(path));
      return [...inHomes, ...others]
        .filter(({path}) => /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(image.text(path) ?? ''))
        .map(({path}) => at(path, 'a private key'));
    },
  },
  {
    id: 'secrets.authorized-keys',
    severity: 'error',
    statement: 'nobody may log in by a key that is built in',
    reason: 'Its owner can log in to every instance of every customer.',
    remedy: 'Build without a key; Nova gives one to the instances that need it',
    source: 'sshd(8), AUTHORIZED_KEYS',
    find: (image) =>
      homesOf(image)
        .flatMap((home) => image.below(`${home}/.ssh`))
        .filter(({path}) => /\/authorized_keys2?$/.test(path) && /^\s*[^#\s]/m.test(image.text(path) ?? ''))
        .map(({path}) => at(path, 'it lets somebody in')),
  },
  {
    id: 'secrets.shared-tls-keys',
    severity: 'warning',
    statement: 'no TLS key is the same in all instances',
    reason: 'A certificate whose key everybody has proves nothing.',
    remedy: 'Remove it in cleanup.d, and make it at the first boot (make-ssl-cert)',
    source: 'make-ssl-cert(8)',
    find: ({below}) =>
      named(
        below('/etc/ssl/private').filter(({type, sizeBytes}) => type === 'file' && sizeBytes > 0),
        'a key that all instances share',
      ),
  },
  {
    id: 'secrets.empty-passwords',
    severity: 'error',
    statement: 'no user has an empty password',
    reason: 'Anybody with the console logs in.',
    remedy: 'passwd --lock USER',
    source: 'shadow(5)',
    find: ({text}) =>
      parsePasswords(text('/etc/shadow') ?? '')
        .filter(({password}) => password === '')
        .map(({user}) => at('/etc/shadow', `${user} has an empty password`)),
  },
  {
    id: 'secrets.guessable-passwords',
    severity: 'error',
    statement: "no user's password is known to everybody",
    reason: 'Anybody who reaches a console or SSH logs in.',
    remedy: 'passwd --lock USER; without DIB_DEV_USER_PASSWORD',
    source: "upstream's test elements: password = user name",
    find: ({probes}) => probes.guessablePasswords.map((user) => at('/etc/shadow', `${user}'s password can be guessed`)),
  },
  {
    id: 'secrets.passwords',
    severity: 'warning',
    statement: 'no user has a password',
    reason: 'One password for all instances, which nobody changes; its hash is there for everybody to try.',
    remedy: 'passwd --lock USER',
    source: 'shadow(5)',
    find: ({text, probes}) =>
      parsePasswords(text('/etc/shadow') ?? '')
        .filter(({user, password}) => /^\$/.test(password) && !probes.guessablePasswords.includes(user))
        .map(({user}) => at('/etc/shadow', `${user} has a password`)),
  },
  {
    id: 'secrets.password-login',
    severity: 'warning',
    statement: 'SSH takes no passwords, and no root',
    reason: 'Instances stand in networks of customers, where passwords are tried all day.',
    remedy:
      'PasswordAuthentication no and PermitRootLogin no in /etc/ssh/sshd_config.d/00-….conf: the first value counts',
    source: 'sshd_config(5)',
    find: (image) => {
      if (!['ssh.service', 'sshd.service', 'ssh.socket'].some((name) => image.units.get(name) === 'enabled')) return [];
      const files = image.below('/etc/ssh').map(({path}) => path);
      return loginsOfSshd(image.text, files).map(({path, allows}) => at(path, `it allows ${allows}`));
    },
  },
  {
    id: 'secrets.people-with-sudo',
    severity: 'warning',
    statement: 'nobody but the guest agent may become root',
    reason: 'A user of the build who may use sudo is a way in that nobody looks after.',
    remedy: 'Build without the element devuser',
    source: 'sudoers(5)',
    find: (image) => {
      const agent = agentUser(agentUnit(image)?.text ?? '');
      const people = image.users
        .filter(({uid, name}) => uid >= 1000 && uid < 60_000 && name !== agent)
        .map(({name}) => name);
      const files = ['/etc/sudoers', ...image.below('/etc/sudoers.d').map(({path}) => path)];
      return files.flatMap((path) =>
        [...(image.text(path) ?? '').matchAll(/^\s*([a-z_][\w-]*)\s+\S+\s*=/gm)]
          .filter(([, name = '']) => people.includes(name))
          .map(([, name]) => at(path, `${name} may use sudo`)),
      );
    },
  },
  {
    id: 'secrets.credentials',
    severity: 'error',
    statement: 'there are no credentials of a cloud, a registry or a database',
    reason: 'They are in every instance, and in the image that everybody may read.',
    remedy: "Don't put them into images; Trove hands them to each instance",
    source: 'clouds.yaml, netrc(5), pgpass, docker login, apt_auth.conf(5), my.cnf',
    find: (image) => {
      const files = homesOf(image).flatMap((home) => image.below(home));
      const places = [
        ...files,
        ...image.below('/etc/openstack'),
        ...image.below('/etc/apt/auth.conf.d'),
        ...image.below('/etc/mysql'),
      ];
      return places.flatMap(({path}) => {
        const text = image.text(path) ?? '';
        return credentialMarks.some(({file, mark}) => file.test(path) && mark.test(text))
          ? [at(path, 'it holds credentials')]
          : [];
      });
    },
  },
  {
    id: 'secrets.service-passwords',
    severity: 'error',
    statement: "Trove's settings in the image name no password",
    reason: "The control plane's passwords are not the guest's business before it is an instance.",
    remedy: 'Leave transport_url and passwords out; they come with the user data',
    source: "Trove's trove-guestagent.conf",
    find: (image) =>
      image
        .below('/etc/trove')
        .filter(({path}) => servicePassword.test(image.text(path) ?? ''))
        .map(({path}) => at(path, 'it names a password or a transport_url with one')),
  },
  {
    id: 'secrets.development-mode',
    severity: 'warning',
    statement: 'the image is made for production',
    reason:
      "A development image fetches the agent's code from the builder's machine at each start, and lets its owner in.",
    remedy: 'Build without development mode (upstream: DEV_MODE=false)',
    source: "Trove's integration/scripts: guest-agent element, dev_mode",
    find: (image) => {
      const unit = agentUnit(image);
      const fetches = /^\s*Exec\w+\s*=.*\b(rsync|scp|git (pull|clone))\b/m.test(unit?.text ?? '');
      const fetching = unit && fetches ? [at(unit.name, 'it fetches code before the agent starts')] : [];
      const said = /"mode"\s*:\s*"development"/.test(image.text('/etc/trovestack/manifest.json') ?? '');
      return said ? [...fetching, ...fact('its manifest says development mode')] : fetching;
    },
  },
  {
    id: 'secrets.guarded-files',
    severity: 'error',
    statement: 'only root reads and writes what guards the system',
    reason: 'Any user of the guest reads the password hashes, or makes itself root.',
    remedy: 'chmod 0640 /etc/shadow; chmod 0644 /etc/passwd; chmod 0440 /etc/sudoers',
    source: 'shadow(5), passwd(5), sudoers(5)',
    find: ({entry}) =>
      guarded.flatMap(([path, most]) => {
        const found = entry(path);
        if (!found || ((found.mode & 0o777 & ~most) === 0 && found.uid === 0)) return [];
        return [at(path, `its mode is ${found.mode.toString(8)}, its owner ${found.uid}`)];
      }),
  },
];

const guarded = [
  ['/etc/shadow', 0o640],
  ['/etc/gshadow', 0o640],
  ['/etc/passwd', 0o644],
  ['/etc/group', 0o644],
  ['/etc/sudoers', 0o440],
  ['/root', 0o750],
] as const;

const credentialMarks: readonly {readonly file: RegExp; readonly mark: RegExp}[] = [
  {file: /\/(clouds|secure)\.yaml$/, mark: /^\s*(password|application_credential_secret|token)\s*:\s*\S/m},
  {file: /\/\.?[\w-]*openrc(\.sh)?$/, mark: /OS_(PASSWORD|APPLICATION_CREDENTIAL_SECRET|TOKEN)=/},
  {file: /\/\.netrc$/, mark: /\bpassword\s+\S/},
  {file: /\/\.pgpass$/, mark: /^[^#\s].*:.+$/m},
  {file: /\/(\.my|my|root|os_admin|debian)\.cnf$/, mark: /^\s*password\s*=\s*\S/m},
  {file: /\/\.docker\/config\.json$/, mark: /"auth"\s*:\s*"[^"]+"/},
  {file: /\/auth\.conf\.d\/[^/]+$/, mark: /\bpassword\s+\S/},
  {
    file: /\/\.(pypirc|npmrc|git-credentials)$/,
    mark: /(password\s*[=:]\s*\S|_authToken\s*=\s*\S|:\/\/[^/\s:]+:[^@\s]+@)/,
  },
  {file: /\/\.aws\/credentials$/, mark: /aws_secret_access_key\s*=\s*\S/},
];

const servicePassword = /^\s*(transport_url\s*=\s*\S+:\/\/[^/\s:@]+:[^@\s]+@|\w*password\s*=\s*\S)/m;
