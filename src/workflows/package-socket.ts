import {chmod, open} from 'node:fs/promises';
import {createServer, type Server, type Socket} from 'node:net';
import {type AptAnswer, type AptRequest, formatAptAnswer, parseAptRequest} from '../archive/index.js';

const lineCharacters = 64 * 1024;
/** Of requests of one connection that have no answer yet; it is not read from while there are more. */
const openCharacters = 1024 * 1024;
/** What a request takes beside its text, about. */
const requestCharacters = 256;
const connections = 64;

/** Answers the requests of a sandbox's apt. Any hook can speak through the socket: what it can make us hold is bounded.
 * @param answer Does not fail.
 */
export async function serve(
  folder: string,
  answer: (request: AptRequest) => Promise<AptAnswer>,
): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // apt ended in the middle of a request: its exit code tells
    converse(socket, answer);
  });
  server.maxConnections = connections;
  // By the folder's descriptor: a socket's path may have no more than 107 bytes.
  const handle = await open(folder);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(`/proc/self/fd/${handle.fd}/socket`, resolve);
  });
  await chmod(`${folder}/socket`, 0o666);
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await handle.close();
    },
  };
}

function converse(socket: Socket, answer: (request: AptRequest) => Promise<AptAnswer>): void {
  let waiting = 0;
  const reply = async (line: string) => {
    const size = line.length + requestCharacters;
    waiting += size;
    if (waiting > openCharacters) socket.pause();
    const request = parseAptRequest(line);
    const text = formatAptAnswer(request, await answer(request));
    await new Promise<void>((resolve) => socket.write(text, () => resolve())); // also when the other side has gone
    waiting -= size;
    if (waiting <= openCharacters) socket.resume();
  };
  let partial = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    if ([partial, ...lines].some((line) => line.length > lineCharacters)) {
      socket.destroy(); // not apt's method: no address is as long
      return;
    }
    for (const line of lines) void reply(line);
  });
}
