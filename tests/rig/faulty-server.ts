import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';

/** What the server does with one request; the body was read. */
export type Behaviour = (request: IncomingMessage & {readonly body: string}, response: ServerResponse) => void;

export interface FaultyServer extends AsyncDisposable {
  readonly url: string;
  /** Method and path of each request, in order. */
  readonly requests: string[];
}

/** A server on this machine that misbehaves as it is told: nothing in it pretends to be a service of OpenStack but the
 * answer to a sign-in, whose catalog names the server itself for each service. */
export async function startFaultyServer(
  behave: Behaviour,
  services: readonly string[] = ['image', 'database'],
): Promise<FaultyServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.length < 10_000 ? chunk.toString() : '';
    });
    request.on('end', () => {
      requests.push(`${request.method} ${request.url}`);
      if (request.url === '/v3/auth/tokens' && !body.includes('"wrong"')) grant(response, urlOf(), services);
      else behave(Object.assign(request, {body}), response);
    });
  });
  const urlOf = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: urlOf(),
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

let tokens = 0;

function grant(response: ServerResponse, url: string, services: readonly string[]): void {
  const catalog = services.map((type) => ({type, endpoints: [{interface: 'public', region: 'R', url}]}));
  response.writeHead(201, {'x-subject-token': `token-${++tokens}`, 'content-type': 'application/json'});
  response.end(JSON.stringify({token: {project: {id: 'p'}, catalog}}));
}
