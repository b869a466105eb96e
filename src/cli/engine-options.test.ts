import {Command} from 'commander';
import {describe, expect, test} from 'vitest';
import {register as imageBuild} from './commands/image-build.js';
import {register as imageDib} from './commands/image-dib.js';
import {addSourceOptions, conditionsOf, type SourceOptions, sourcesOf} from './engine-options.js';

describe("the engine's options", () => {
  test.each([
    ['image build', imageBuild, '--offline'],
    ['image dib', imageDib, '--without-network'],
  ])('are those of %s', (_, register, offline) => {
    const noun = new Command('image');
    register({noun: () => noun, actInNamespace: () => () => Promise.resolve()} as unknown as Parameters<
      typeof register
    >[0]);
    const names = noun.commands[0]?.options.map(({long}) => long);
    const locks = ['--rebuild', '--lock', '--locked', '--update', offline];
    expect(names).toEqual(expect.arrayContaining([...locks, '--hook-timeout', '--shell-at', '--shell-on-error']));
  });

  function sources(...argv: string[]) {
    const command = addSourceOptions(new Command().exitOverride(), '--without-network');
    command.configureOutput({writeErr: () => {}}).parse(argv, {from: 'user'});
    const options = command.opts<SourceOptions & {withoutNetwork?: true}>();
    return sourcesOf(options, options.withoutNetwork);
  }

  test('say which lock is taken, and how', () => {
    expect(sources()).toEqual({locked: false, update: false, offline: false});
    expect(sources('--update', '--lock', 'x')).toEqual({locked: false, update: true, offline: false, lockFile: 'x'});
    expect(sources('--locked', '--without-network', '--rebuild', 'a', 'b')).toEqual({
      ...{locked: true, update: false, offline: true},
      rebuild: ['a', 'b'],
    });
    expect(() => sources('--update', '--without-network')).toThrow('cannot be used with');
  });

  test('run again the step that a shell is asked for', async () => {
    const asked = await conditionsOf({shellAt: 'a/install.d/1:after', hookTimeout: 0.5}, ['b']);
    expect(asked.rebuild).toEqual(['b', 'a/install.d/1']);
    expect(asked.conditions).toMatchObject({hookTimeoutMs: 30_000, shellAt: {step: 'a/install.d/1', moment: 'after'}});
    expect(await conditionsOf({}, true)).toEqual({conditions: {}, rebuild: true});
  });
});
