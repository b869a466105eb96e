import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
  request as sendRequest,
} from 'node:http';
import type {AddressInfo} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';

/** What happens to one call on its way to a real service. */
export type Fault =
  /** The service never sees it: it is answered for it. */
  | {readonly kind: 'status'; readonly status: number; readonly headers?: OutgoingHttpHeaders}
  /** Answered as if it was done, and not done. */
  | {readonly kind: 'lie'; readonly status: number}
  /** The connection ends before the service sees it. */
  | {readonly kind: 'cut'}
  /** The service gets so many bytes of the body, then both connections end. */
  | {readonly kind: 'cut at byte'; readonly byte: number}
  /** The service does it; its answer is lost. */
  | {readonly kind: 'lost answer'}
  /** The answer comes in drops. */
  | {readonly kind: 'drip'}
  /** Something else happens first, or afterwards, before the answer is handed on. */
  | {readonly kind: 'meanwhile'; readonly when: 'before' | 'after'; act(): Promise<void>};

/** A call as it is told apart from others: `PUT image /v2/images/ID/file`. */
export type CallName = string;

export interface FaultProxy extends AsyncDisposable {
  /** Keystone's address, through the proxy. */
  readonly authUrl: string;
  /** Every call since the last `arm`, in order. */
  readonly calls: CallName[];
  /** How often the armed fault has happened. */
  readonly happened: number;
  /** Lets the fault happen to the call of this name that comes as the `nth` (from 0), or to each. Clears `calls`. */
  arm(name: CallName | undefined, fault?: Fault, nth?: number | 'each'): void;
}

const services: Readonly<Record<string, string>> = {'5000': 'identity', '9292': 'image', '8779': 'database'};

/** A proxy in front of a devcloud's Keystone, Glance and Trove. It hands on what it gets, unless a fault is armed; in
 * catalogs, the services' addresses become its own.
 * @param host Of the devcloud.
 */
export async function startFaultProxy(host: string): Promise<FaultProxy> {
  const calls: CallName[] = [];
  let armed: {name: CallName; fault: Fault; nth: number | 'each'} | undefined;
  let seen = 0;
  let happened = 0;
  const faultOf = (name: CallName): Fault | undefined => {
    if (armed?.name !== name) return undefined;
    const isIt = armed.nth === 'each' || armed.nth === seen;
    seen++;
    if (!isIt) return undefined;
    happened++;
    return armed.fault;
  };
  const server = createServer((request, response) => {
    const [, port = '', ...rest] = (request.url ?? '').split('/');
    const path = `/${rest.join('/')}`;
    const name = callName(request.method ?? '', services[port] ?? port, path);
    calls.push(name);
    const target = {host, port: Number(port), path, own: `http://${request.headers.host}`};
    handle(request, response, target, faultOf(name)).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as AddressInfo;
  return {
    authUrl: `http://127.0.0.1:${port}/5000/v3`,
    calls,
    get happened() {
      return happened;
    },
    arm(name, fault, nth = 0) {
      calls.length = 0;
      seen = 0;
      happened = 0;
      armed = name === undefined || fault === undefined ? undefined : {name, fault, nth};
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Ids, and what is asked in a query, don't make another call of it; the names of a query's members do. */
function callName(method: string, service: string, path: string): CallName {
  const [bare = '', query] = path.split('?');
  const plain = bare
    .replace(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, 'ID')
    .replace(/^\/v1\.0\/[0-9a-f]{32}/, '')
    .replace(/(?<=\/parameters\/).+$/, 'NAME');
  const asked = query === undefined ? '' : `?${[...new Set(new URLSearchParams(query).keys())].join('&')}`;
  return `${method} ${service} ${plain}${asked}`;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** The proxy itself. */
  readonly own: string;
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  fault: Fault | undefined,
): Promise<void> {
  switch (fault?.kind) {
    case 'status':
    case 'lie':
      await drained(request);
      response.writeHead(fault.status, fault.kind === 'status' ? fault.headers : {});
      response.end(fault.kind === 'lie' ? '{}' : `{"error": {"message": "fault ${fault.status}"}}`);
      return;
    case 'cut':
      request.socket.destroy();
      return;
    case 'cut at byte':
      await forward(request, target, fault.byte).catch(() => {});
      request.socket.destroy();
      return;
    case 'lost answer':
      await forward(request, target);
      request.socket.destroy();
      return;
    case 'meanwhile': {
      if (fault.when === 'before') await fault.act();
      const answer = await forward(request, target);
      if (fault.when === 'after') await fault.act();
      hand(answer, response, target);
      return;
    }
    default: {
      const answer = await forward(request, target);
      if (fault?.kind === 'drip') await drip(answer, response, target);
      else hand(answer, response, target);
    }
  }
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** @param limit Bytes of the body after which the connection to the service ends; it rejects then. */
function forward(request: IncomingMessage, {host, port, path}: Target, limit?: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const {method, headers} = request;
    const onward = sendRequest({
      host,
      port,
      path,
      method,
      headers: {...headers, host: `${host}:${port}`},
      agent: false,
    });
    onward.on('response', (answer) => {
      collect(answer).then((body) => resolve({status: answer.statusCode ?? 0, headers: answer.headers, body}), reject);
    });
    onward.on('error', reject);
    let sent = 0;
    request.on('data', (chunk: Buffer) => {
      onward.write(limit === undefined ? chunk : chunk.subarray(0, Math.max(0, limit - sent)));
      sent += chunk.length;
      if (limit !== undefined && sent >= limit) onward.destroy(new Error('cut'));
    });
    request.on('end', () => onward.end());
    request.on('error', reject);
  });
}

function hand(answer: Answer, response: ServerResponse, target: Target): void {
  const {headers, body} = rewritten(answer, target);
  response.writeHead(answer.status, headers);
  response.end(body);
}

async function drip(answer: Answer, response: ServerResponse, target: Target): Promise<void> {
  const {headers, body} = rewritten(answer, target);
  response.writeHead(answer.status, headers);
  const drop = Math.max(1, Math.ceil(body.length / 20));
  for (let at = 0; at < body.length; at += drop) {
    response.write(body.subarray(at, at + drop));
    await sleep(20);
  }
  response.end();
}

/** The services' addresses in a body become the proxy's. */
function rewritten({headers, body}: Answer, {host, own}: Target): {headers: OutgoingHttpHeaders; body: Buffer} {
  const {'content-length': _, 'transfer-encoding': __, connection: ___, ...kept} = headers;
  const address = new RegExp(`http://${host.replaceAll('.', '\\.')}:(\\d+)`, 'g');
  const text = /json/.test(headers['content-type'] ?? '')
    ? Buffer.from(body.toString().replace(address, `${own}/$1`))
    : body;
  return {headers: text.length ? {...kept, 'content-length': text.length} : kept, body: text};
}

async function drained(stream: IncomingMessage): Promise<void> {
  stream.resume();
  if (!stream.readableEnded) await new Promise((resolve) => stream.once('end', resolve));
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
