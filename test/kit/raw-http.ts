/**
 * HTTP as bytes: a TCP client that sends what it is given and keeps what it gets, and a reader of responses
 * that changes nothing. For tests that must see what a library would tidy up.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const WAIT_MS_MAX = 8_000;

/** One TCP connection of a test. */
export class RawClient {
  readonly socket: Socket;
  /** Why the connection ended: empty while open or after a clean end. */
  errorCode = '';
  closed = false;
  private readonly chunks: Buffer[] = [];
  private listeners: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    const changed = () => {
      const { listeners } = this;
      this.listeners = [];
      for (const listener of listeners) listener();
    };
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      changed();
    });
    socket.on('error', (error: Error & { code?: string }) => {
      this.errorCode = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
      changed();
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Resolves once the bytes received fulfil `enough`; rejects when the connection closes first. */
  async readUntil(enough: (received: string) => boolean): Promise<string> {
    const limit = AbortSignal.timeout(WAIT_MS_MAX);
    for (;;) {
      const text = this.received.toString('latin1');
      if (enough(text)) return text;
      if (this.closed) throw new Error(`the connection closed (${this.errorCode || 'clean'}) after ${JSON.stringify(text.slice(-300))}`);
      await this.changed(limit);
    }
  }

  /** Everything until the other side closed. */
  async readAll(): Promise<Buffer> {
    const limit = AbortSignal.timeout(WAIT_MS_MAX);
    while (!this.closed) await this.changed(limit);
    return this.received;
  }

  destroy(): void {
    this.socket.destroy();
  }

  private changed(limit: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (limit.aborted) reject(new Error(`nothing more came; had ${JSON.stringify(this.received.toString('latin1').slice(-300))}`));
      const onLimit = () => resolve();
      limit.addEventListener('abort', onLimit, { once: true });
      this.listeners.push(() => {
        limit.removeEventListener('abort', onLimit);
        resolve();
      });
    });
  }
}

/** Sends the bytes on a connection of their own and gives all that came until it was closed. */
export async function exchange(port: number, request: string | Uint8Array): Promise<Buffer> {
  const client = await RawClient.connect(port);
  client.write(request);
  return client.readAll();
}

export interface RawResponse {
  readonly statusLine: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** With chunked framing taken off. */
  readonly body: Buffer;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** The framing's own end was seen. */
  readonly complete: boolean;
  /** What came after the response. */
  readonly rest: Buffer;
}

/** Reads one response. `toHead`: the answer to a HEAD request, which has no body whatever its headers say. */
export function parseResponse(bytes: Buffer, toHead = false): RawResponse {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no header block in ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`);
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = lines.map(splitHeader);
  const payload = bytes.subarray(end + 4);
  const status = Number(statusLine.split(' ')[1]);
  const lookup = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1];
  const base = { statusLine, headers, trailers: [] as [string, string][] };
  if (toHead || status === 204 || status === 304 || status < 200) return { ...base, body: Buffer.alloc(0), complete: true, rest: payload };
  if (lookup('transfer-encoding') === 'chunked') return { ...base, ...dechunk(payload) };
  const length = lookup('content-length');
  if (length === undefined) return { ...base, body: payload, complete: true, rest: Buffer.alloc(0) };
  const size = Number(length);
  return { ...base, body: payload.subarray(0, size), complete: payload.length >= size, rest: payload.subarray(size) };
}

function dechunk(bytes: Buffer): Pick<RawResponse, 'body' | 'trailers' | 'complete' | 'rest'> {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) return { body: Buffer.concat(chunks), trailers: [], complete: false, rest: Buffer.alloc(0) };
    at = lineEnd + 2;
    if (size === 0) break;
    chunks.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
  const trailers: (readonly [string, string])[] = [];
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return { body: Buffer.concat(chunks), trailers, complete: false, rest: Buffer.alloc(0) };
    if (lineEnd === at) break;
    trailers.push(splitHeader(bytes.toString('latin1', at, lineEnd)));
    at = lineEnd + 2;
  }
  return { body: Buffer.concat(chunks), trailers, complete: true, rest: bytes.subarray(at + 2) };
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** The first value of a header; undefined when it is not there. */
export function headerOf(response: { readonly headers: RawResponse['headers'] }, name: string): string | undefined {
  return response.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
