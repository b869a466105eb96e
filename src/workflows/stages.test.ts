import {describe, expect, test} from 'vitest';
import {type Event, Interrupted, type World} from '../base/index.js';
import {Stages} from './stages.js';

function testWorld(): {world: World; events: Event[]; controller: AbortController} {
  const events: Event[] = [];
  const controller = new AbortController();
  const paths = {home: '/h', store: '/s', state: '/t', data: '/'};
  return {world: {emit: (event) => events.push(event), signal: controller.signal, env: {}, paths}, events, controller};
}

describe('stages', () => {
  test('tell their start and end, and what was reused', async () => {
    const {world, events} = testWorld();
    const stages = new Stages(world);
    const value = await stages.run('build', 'Build', async () => ({value: 7, reused: 'all of it'}));
    expect(value).toBe(7);
    expect(events.map(({type}) => type)).toEqual(['stage started', 'stage finished']);
    expect(stages.reports).toEqual([{stage: 'build', durationMs: expect.any(Number), reused: 'all of it'}]);
  });

  test('that fail are told by their error alone', async () => {
    const {world, events} = testWorld();
    const failing = new Stages(world).run('x', 'X', () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(events.map(({type}) => type)).toEqual(['stage started']);
  });

  test('do not start after an interruption', async () => {
    const {world, events, controller} = testWorld();
    controller.abort(new Interrupted('SIGINT'));
    await expect(new Stages(world).run('x', 'X', async () => ({value: 1}))).rejects.toMatchObject({
      code: 'interrupted',
    });
    expect(events).toEqual([]);
  });
});
