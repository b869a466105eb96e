import {Writable} from 'node:stream';
import {describe, expect, test} from 'vitest';
import {Bug, CloudError, type Event, HostError, Interrupted, UsageError} from '../base/index.js';
import {createReporter, formatBytes, formatDuration, renderError, type Verbosity} from './index.js';
import {redact} from './secrets.js';

const plain = {color: false, stack: false};

describe('errors', () => {
  test('say code, message, facts and the next command, with the exit code of their class', () => {
    const rendered = renderError(
      new CloudError('unreachable', {service: 'Keystone', url: 'http://k', problem: 'refused'}),
      plain,
    );
    expect(rendered).toMatchObject({exitCode: 5, value: {class: 'cloud', code: 'unreachable'}});
    expect(rendered.text).toBe(
      'error unreachable: Cannot reach Keystone at "http://k": refused\n' +
        '  next     check the address in clouds.yaml or OS_AUTH_URL, and the network to it',
    );
  });

  test('of the system become ours where they have one meaning', () => {
    const full = Object.assign(new Error('ENOSPC: no space left'), {code: 'ENOSPC', path: '/store/x'});
    expect(renderError(full, plain)).toMatchObject({exitCode: 4, value: {code: 'disk-full'}});
    const denied = Object.assign(new Error('EACCES'), {code: 'EACCES', path: '/x'});
    expect(renderError(denied, plain).value.message).toBe('Cannot use "/x": permission denied');
    const below = Object.assign(new Error('ENOTDIR'), {code: 'ENOTDIR', path: '/x/y'});
    expect(renderError(below, plain)).toMatchObject({exitCode: 2, value: {code: 'unusable-path'}});
  });

  test('that nobody foresaw are bugs with a text to report', () => {
    const rendered = renderError(new TypeError('x is undefined'), plain);
    expect(rendered.exitCode).toBe(70);
    expect(rendered.text).toContain('report it with the text below');
    expect(renderError(new Bug('plan-not-closed', {}), plain).value.code).toBe('plan-not-closed');
  });

  test('keep secrets to themselves', () => {
    expect(redact('{"password": "hunter2"}')).toBe('{"password": "***"}');
    expect(redact('rabbit://user:pw@host/ and X-Auth-Token: abc')).toBe(
      'rabbit://user:***@host/ and X-Auth-Token: ***',
    );
    const error = new HostError('command-failed', {doing: 'x', command: 'y', outcome: 'z', output: 'password=abc'});
    expect(renderError(error, plain).text).not.toContain('abc');
  });

  test('by class have the exit codes that are promised', () => {
    const codes = [
      new UsageError('bad-argument', {argument: 'a', problem: 'b'}),
      new HostError('not-root', {doing: 'a', why: 'b'}),
      new Interrupted('SIGINT'),
    ].map((error) => error.exitCode);
    expect(codes).toEqual([2, 4, 130]);
  });
});

function reportOf(events: readonly Event[], verbosity: Verbosity, isTTY = false): string {
  let text = '';
  const terminal = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        text += chunk;
        done();
      },
    }),
    {isTTY},
  );
  const reporter = createReporter({verbosity, terminal, now: () => 0});
  for (const event of events) reporter.emit(event);
  reporter.close();
  return text;
}

describe('events', () => {
  const events: Event[] = [
    {type: 'stage started', stage: 'build', title: 'Build'},
    {type: 'step reused', step: 'trove-guest/install.d/10-x'},
    {type: 'step finished', step: 'trove-guest/install.d/20-y', reason: 'not built before', durationMs: 41_200},
    {type: 'output', source: 'apt', line: 'Reading'},
    {type: 'stage finished', stage: 'build', title: 'Build', durationMs: 185_000, reused: '1 of 2 steps'},
    {type: 'warning', text: 'careful'},
  ];

  test('show decision, reason and duration', () => {
    expect(reportOf(events, 'normal')).toBe(
      [
        '00:00 ▸ Build',
        '00:00   run trove-guest/install.d/20-y (not built before) 41 s',
        '00:00 ✓ Build (3 min 05 s, 1 of 2 steps)',
        '00:00 warning careful',
        '',
      ].join('\n'),
    );
  });

  test('show only warnings when quiet, and everything when verbose', () => {
    expect(reportOf(events, 'quiet')).toBe('00:00 warning careful\n');
    expect(reportOf(events, 'verbose')).toContain('reuse trove-guest/install.d/10-x');
    expect(reportOf(events, 'verbose')).toContain('apt: Reading');
  });

  test('of progress overwrite one line on a terminal and are rare in a log', () => {
    const progress: Event[] = [0, 50, 100].map((done) => ({
      type: 'progress',
      what: 'upload',
      done,
      total: 100,
      unit: 'items',
    }));
    expect(reportOf(progress, 'normal', true)).toContain('\r\x1b[K00:00     upload 50 % (50 of 100)');
    expect(reportOf(progress, 'normal').split('\n').filter(Boolean)).toHaveLength(1);
  });
});

describe('units', () => {
  test('fit the size of what they tell', () => {
    expect([400, 12_000, 185_000].map(formatDuration)).toEqual(['0.4 s', '12 s', '3 min 05 s']);
    expect([12, 2048, 3_500_000, 1_342_177_280].map(formatBytes)).toEqual(['12 B', '2.0 KiB', '3.3 MiB', '1.25 GiB']);
  });
});
