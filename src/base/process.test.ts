import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {HostError, Interrupted} from './errors.js';
import {describeEnd, lastLines, run, runOrThrow} from './process.js';

describe('processes', () => {
  test('a failing program is an outcome with both streams', async () => {
    const outcome = await run(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(outcome).toMatchObject({exitCode: 3, stdout: 'out\n', stderr: 'err\n', timedOut: false});
    expect(describeEnd(outcome)).toBe('exited with 3');
  });

  test('input reaches the program, lines reach the listener, the last without a newline too', async () => {
    const lines: string[] = [];
    await run(['cat'], {input: 'a\nb', onLine: (line) => lines.push(line)});
    expect(lines).toEqual(['a', 'b']);
  });

  test('a program that prints without end is kept in bounds, in memory and in the log', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'process-'));
    const logFile = join(folder, 'log');
    let longest = 0;
    const outcome = await run(['sh', '-c', "head -c 100000000 /dev/zero | tr '\\0' x; echo end"], {
      logFile,
      onLine: (line) => {
        longest = Math.max(longest, line.length);
      },
    });
    const log = await readFile(logFile, 'utf8');
    await rm(folder, {recursive: true});
    expect(outcome.stdout.length).toBe(8 * 1024 * 1024);
    expect(outcome.stdout.endsWith('xend\n')).toBe(true);
    expect(longest).toBeLessThan(200_000);
    expect(log.length).toBeLessThan(65 * 1024 * 1024);
    expect(log.endsWith('more was printed than this log keeps\n')).toBe(true);
  });

  test('the signal that ended a program in a shell is named', async () => {
    expect(describeEnd(await run(['sh', '-c', "sh -c 'kill -9 $$'; exit $?"]))).toBe('exited with 137 (SIGKILL)');
  });

  test('a missing program is a host error that names it', async () => {
    await expect(run(['no-such-program-here'])).rejects.toMatchObject({code: 'missing-tool', exitCode: 4});
  });

  test('a time limit ends the whole process group', async () => {
    const outcome = await run(['sh', '-c', 'sleep 60 & wait'], {timeoutMs: 50, graceMs: 50});
    expect(outcome.timedOut).toBe(true);
    expect(describeEnd(outcome)).toBe('took too long and was ended');
  });

  test('an abort ends the program and throws its reason', async () => {
    const controller = new AbortController();
    const running = run(['sleep', '60'], {signal: controller.signal, onLine: () => {}});
    controller.abort(new Interrupted('SIGINT'));
    await expect(running).rejects.toMatchObject({code: 'interrupted', exitCode: 130});
  });

  test('the log file has what was printed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'log-'));
    await run(['sh', '-c', 'echo one; echo two >&2'], {logFile: join(folder, 'log')});
    expect((await readFile(join(folder, 'log'), 'utf8')).split('\n').sort()).toEqual(['', 'one', 'two']);
    await rm(folder, {recursive: true});
  });

  test('a program that had to succeed and failed is told with its last lines', async () => {
    const failing = runOrThrow('a test', ['sh', '-c', 'echo wrong >&2; exit 1']);
    await expect(failing).rejects.toBeInstanceOf(HostError);
    await expect(failing).rejects.toMatchObject({
      code: 'command-failed',
      words: {message: 'Cannot finish a test: sh exited with 1', details: {said: 'wrong'}},
    });
  });

  test('a full disk is told as such, whatever program found it', async () => {
    await expect(
      runOrThrow('a test', ['sh', '-c', 'echo "write: No space left on device" >&2; exit 1']),
    ).rejects.toMatchObject({
      code: 'disk-full',
    });
  });

  test('the last lines of a text are those with text', () => {
    expect(lastLines('a\nb\nc\n\n', 2)).toBe('b\nc');
  });
});
