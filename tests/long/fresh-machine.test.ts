import {describe, expect, test} from 'vitest';
import {makeFreshMachine} from '../rig/fresh-machine.js';

/** What a newcomer does: a machine with git and a shell, a clone, one command. */
describe.each(['trixie', 'bookworm'])('a fresh Debian %s', (release) => {
  test('goes from a clone to an answer in SQL with one command, and quicker the second time', async () => {
    await using machine = await makeFreshMachine(release);
    const dry = await machine.run('./trovestack --no-install quickstart');
    expect(dry.exitCode).toBe(4);
    expect(dry.stderr).toMatch(/nodejs npm .*mmdebstrap/);

    const twice = await machine.run(
      './trovestack quickstart --output json >/root/first.json && ./trovestack quickstart --destroy --output json >/root/second.json',
    );
    expect(twice.exitCode, twice.stderr).toBe(0);
    const first = await machine.read('/root/first.json');
    expect(first).toMatchObject({sql: {answer: '42', serverVersion: expect.stringMatching(/^11\.8\./)}});
    const second = await machine.read('/root/second.json');
    expect(second.stages.filter(({reused}) => reused).map(({stage}) => stage)).toEqual([
      ...['build', 'verify', 'devcloud', 'load', 'activate', 'instance'],
    ]);
  });
});
