import {createHash} from 'node:crypto';
import {setMaxListeners} from 'node:events';
import {createWriteStream} from 'node:fs';
import {rm} from 'node:fs/promises';
import {Transform} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {rootCertificates} from 'node:tls';
import {type Dispatcher, EnvHttpProxyAgent, interceptors, request} from 'undici';
import {readFileIfThere, type Sha256, systemErrorCode, type World} from '../base/index.js';
import {authorization, type Credentials, credentialsFor} from '../element/index.js';

/** How a download ended. `absent`: the server says that there's no such file, or that we may not have it. */
export type Download =
  | {readonly kind: 'file'; readonly sha256: Sha256; readonly sizeBytes: number}
  | {readonly kind: 'absent'; readonly problem: string}
  | {readonly kind: 'unreachable'; readonly problem: string};

const connections = 8;
const pausesMs = [500, 2000];

/** Fetches files over HTTP, several at once, with the proxies and certificate authorities of this machine. */
export class Downloads implements AsyncDisposable {
  readonly #signal: AbortSignal;
  readonly #dispatcher: Dispatcher;
  readonly #credentials: readonly Credentials[];

  private constructor(signal: AbortSignal, dispatcher: Dispatcher, credentials: readonly Credentials[]) {
    this.#signal = signal;
    this.#dispatcher = dispatcher;
    this.#credentials = credentials;
  }

  /** @param credentials For their servers, whatever is fetched there. */
  static async open({env, signal}: World, credentials: readonly Credentials[] = []): Promise<Downloads> {
    const files = ['/etc/ssl/certs/ca-certificates.crt', env.NODE_EXTRA_CA_CERTS ?? ''].filter(Boolean);
    const authorities = (await Promise.all(files.map(readFileIfThere))).filter((text) => text !== undefined);
    const connect = {timeout: 10_000, ca: [...rootCertificates, ...authorities]};
    const dispatcher = new EnvHttpProxyAgent({
      connections,
      connect,
      requestTls: connect,
      httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? '',
      httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? '',
      noProxy: env.no_proxy ?? env.NO_PROXY ?? '',
    });
    const ended = AbortSignal.any([signal]);
    setMaxListeners(0, ended); // one for each download that is under way
    return new Downloads(ended, dispatcher.compose(interceptors.redirect({maxRedirections: 5})), credentials);
  }

  /** Fetches a file; what was interrupted is fetched again, a few times.
   * @param to A new file, which is there afterwards only when the download is whole.
   * @param access For the server of the address; one that it redirects to isn't told.
   * @throws the signal's reason; errors of the disk as they are.
   */
  async fetch(address: string, to: string, access?: Credentials): Promise<Download> {
    for (let attempt = 0; ; attempt++) {
      const download = await this.#fetchOnce(address, to, access ?? credentialsFor(address, this.#credentials, ''));
      const pause = pausesMs[attempt];
      if (download.kind !== 'unreachable' || pause === undefined) return download;
      await sleep(pause, undefined, {signal: this.#signal});
    }
  }

  async #fetchOnce(address: string, to: string, access: Credentials | undefined): Promise<Download> {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        done(null, chunk);
      },
    });
    try {
      const {statusCode, body} = await request(address, {
        dispatcher: this.#dispatcher,
        signal: this.#signal,
        headersTimeout: 60_000,
        bodyTimeout: 60_000,
        headers: access ? {authorization: authorization(access)} : {},
      });
      if (statusCode !== 200) {
        await body.dump();
        const problem = `status ${statusCode}`;
        return statusCode >= 500 || statusCode === 429 ? {kind: 'unreachable', problem} : {kind: 'absent', problem};
      }
      await pipeline(body, measure, createWriteStream(to, {mode: 0o644}));
      return {kind: 'file', sha256: hash.digest('hex') as Sha256, sizeBytes};
    } catch (error) {
      await rm(to, {force: true});
      this.#signal.throwIfAborted();
      if (/^(ENOSPC|EDQUOT|EROFS|EACCES|EIO)$/.test(systemErrorCode(error) ?? '')) throw error;
      return {kind: 'unreachable', problem: error instanceof Error ? error.message || error.name : String(error)};
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy();
  }
}
