import type {Readable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {Agent, type Dispatcher, EnvHttpProxyAgent, request as undiciRequest} from 'undici';
import {z} from 'zod';
import {CloudError, type Environment, formatJson, parseJson, systemErrorCode} from '../base/index.js';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it comes, in bounded memory; made anew for each attempt. */
  readonly stream?: {readonly sizeBytes: number; open(): Readable};
  /** May be sent again when its answer was lost. Default: as HTTP has it for the method; never for a stream. */
  readonly isRepeatable?: boolean;
  /** Ends this request, in place of the caller's signal: for cleaning up after an interruption. */
  readonly signal?: AbortSignal;
  /** Longest silence that is borne while the other side works. Default a minute. */
  readonly silenceMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The text as JSON with exact integers, or undefined when it isn't any. */
  readonly json: unknown;
}

export interface HttpOptions {
  /** What is talked to, for messages. */
  readonly service: string;
  readonly verifyTls: boolean;
  readonly certificateAuthority?: string;
  /** Where `http_proxy` and friends are read; undefined never uses a proxy. */
  readonly proxyEnv?: Environment;
  readonly signal: AbortSignal;
  /** Waits between attempts; their number is the number of further attempts. */
  readonly pausesMs?: readonly number[];
}

const connectTimeoutMs = 10_000;
const silenceMs = 60_000;
const defaultPausesMs = [300, 1000, 3000];
const repeatableMethods = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);
/** Limits are counted by the minute. */
const longestWaitS = 60;
const overLimit = z.looseObject({overLimit: z.looseObject({retryAfter: z.union([z.string(), z.number()])})});
/** Temporary by their meaning in HTTP: too many requests, bad gateway, unavailable, gateway timeout. */
const temporaryStatuses = new Set([429, 502, 503, 504]);

/** One HTTP caller: connections kept, requests limited in time and ended by the signal, lost ones repeated where that is safe. */
export class Http implements AsyncDisposable {
  readonly #options: HttpOptions;
  readonly #dispatcher: Dispatcher;

  constructor(options: HttpOptions) {
    this.#options = options;
    const connect = {
      timeout: connectTimeoutMs,
      rejectUnauthorized: options.verifyTls,
      ...(options.certificateAuthority === undefined ? {} : {ca: options.certificateAuthority}),
    };
    this.#dispatcher = options.proxyEnv
      ? new EnvHttpProxyAgent({connect, requestTls: connect, ...proxies(options.proxyEnv)})
      : new Agent({connect});
  }

  /** Sends a request; any status is an answer.
   * @throws {CloudError} `unreachable` when no answer came at all.
   * @throws the signal's reason when it was aborted.
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const pauses = this.#options.pausesMs ?? defaultPausesMs;
    const signal = request.signal ?? this.#options.signal;
    const isRepeatable = request.isRepeatable ?? (repeatableMethods.has(request.method) && !request.stream);
    for (let attempt = 0; ; attempt++) {
      const pause = pauses[attempt];
      try {
        const answer = await this.#sendOnce(request, signal);
        // "Too many requests" says that nothing was done, so that anything may be sent again.
        const isRepeated = isRateLimited(answer) || (isRepeatable && temporaryStatuses.has(answer.status));
        if (pause === undefined || !isRepeated) return answer;
        await wait(retryAfterMs(answer) ?? pause, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (pause === undefined || !(isRepeatable || neverSent(error))) throw this.#unreachable(request, error);
        await wait(pause, signal);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const {statusCode, headers, body} = await undiciRequest(request.url, {
      dispatcher: this.#dispatcher,
      method: request.method,
      headers: {accept: 'application/json', ...bodyHeaders(request), ...request.headers},
      body: bodyOf(request),
      signal,
      headersTimeout: request.silenceMs ?? silenceMs,
      bodyTimeout: request.silenceMs ?? silenceMs,
    });
    const text = await body.text();
    return {status: statusCode, headers, text, json: jsonOrUndefined(text)};
  }

  #unreachable(request: HttpRequest, error: unknown): CloudError {
    const facts = {service: this.#options.service, url: request.url, problem: connectionProblem(error)};
    return new CloudError('unreachable', facts, {cause: error});
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, {signal}).catch(() => signal.throwIfAborted());
}

function proxies(env: Environment): {httpProxy: string; httpsProxy: string; noProxy: string} {
  return {
    httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? '',
    httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? '',
    noProxy: env.no_proxy ?? env.NO_PROXY ?? '',
  };
}

function bodyHeaders(request: HttpRequest): Record<string, string> {
  if (request.stream) {
    return {'content-type': 'application/octet-stream', 'content-length': String(request.stream.sizeBytes)};
  }
  return request.json === undefined ? {} : {'content-type': 'application/json'};
}

function bodyOf(request: HttpRequest): string | Readable | null {
  if (request.stream) return request.stream.open();
  return request.json === undefined ? null : formatJson(request.json);
}

function jsonOrUndefined(text: string): unknown {
  try {
    return text === '' ? undefined : parseJson(text);
  } catch {
    return undefined; // an HTML page of a proxy, say: whoever needs JSON tells what came instead
  }
}

/** Trove answers 413 where others answer 429, and names the wait: common/wsgi.py, OverLimitFault (18 to 23). By default it takes
 * 200 requests a minute of each method, fewer than some datastores have parameters.
 */
function isRateLimited(answer: HttpAnswer): boolean {
  return answer.status === 429 || (answer.status === 413 && retryAfterMs(answer) !== undefined);
}

function retryAfterMs(answer: HttpAnswer): number | undefined {
  const named = answer.headers['retry-after'] ?? overLimit.safeParse(answer.json).data?.overLimit.retryAfter;
  const seconds = named === undefined ? Number.NaN : Number(named);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, longestWaitS) * 1000 : undefined;
}

/** Whether the connection failed before anything could be sent, so that even a POST may be repeated. */
function neverSent(error: unknown): boolean {
  return ['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENETUNREACH'].includes(
    systemErrorCode(error) ?? '',
  );
}

function connectionProblem(error: unknown): string {
  const code = systemErrorCode(error) ?? '';
  return connectionProblems[code] ?? (error instanceof Error ? error.message || code : String(error));
}

const connectionProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved now',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: `no connection within ${connectTimeoutMs / 1000} s`,
  UND_ERR_HEADERS_TIMEOUT: 'no answer within the time limit',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped coming',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: name the authority with cacert, or set verify: false',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is self-signed: name the authority with cacert, or set verify: false',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate's authority is unknown: name it with cacert",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate's authority is unknown: name it with cacert",
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
};
