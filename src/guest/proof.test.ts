import {fileURLToPath} from 'node:url';
import {describe, expect, it} from 'vitest';
import {chooseVersion, readCatalogue} from '../datastore/index.js';
import {findAgentStart, type ProofSubject, proofCredentials, proofScript, shellCredentials} from './proof.js';

async function mariadb(): Promise<ProofSubject> {
  const home = fileURLToPath(new URL('../..', import.meta.url));
  const {datastore, version} = chooseVersion(await readCatalogue(home), 'mariadb:11.8');
  const start = findAgentStart(datastore.manager);
  if (!start) throw new Error('the start of mariadb has to be known');
  return {start, datastore, container: version.container};
}

describe('the proof in the guest', () => {
  it('starts the container with the arguments of the guest agent', async () => {
    const script = proofScript(await mariadb(), 'secret');
    const line = script.split('\n').find((text) => text.startsWith('said=$(docker run'));
    expect(line).toContain(
      "'--name=database' '--restart=unless-stopped' '--user=1001:1001' '--network=bridge' '--publish=3306:3306'",
    );
    expect(line).toContain("'--volume=/var/lib/mysqld:/var/run/mysqld'");
    expect(line).toContain("'--env=MYSQL_ROOT_PASSWORD=secret'");
    expect(line).toContain(
      "'mariadb:11.8' '--ignore-db-dir=lost+found' '--ignore-db-dir=conf.d' '--datadir=/var/lib/mysql/data'",
    );
  });

  it('never pulls', async () => {
    expect(proofScript(await mariadb(), 'secret')).toContain("'--pull=never'");
  });

  it("asks the catalogue's queries with the catalogue's client", async () => {
    const script = proofScript(await mariadb(), 'secret');
    expect(script).toContain("'exec' '--env=MYSQL_PWD=secret' 'database' 'mariadb' '--user=root'");
    expect(script).toContain("'SELECT VERSION()'");
  });

  it('is handed over as a unit, its reason to start, and the program', () => {
    const credentials = proofCredentials('true\n');
    expect(Object.keys(credentials)).toEqual([
      'systemd.extra-unit.trovestack-proof.service',
      'systemd.unit-dropin.multi-user.target~trovestack-proof',
      'trovestack.proof',
    ]);
  });

  it('is not known for managers that nobody has looked at', () => {
    expect(findAgentStart('vertica')).toBeUndefined();
  });
});

describe('a shell in the guest', () => {
  it('has the serial console to itself', () => {
    const unit = shellCredentials()['systemd.extra-unit.trovestack-shell.service'];
    expect(unit).toContain('Conflicts=serial-getty@ttyS0.service\n');
    expect(unit).toContain('TTYPath=/dev/ttyS0\n');
  });
});
