/**
 * Sends a planned reply over HTTP at the model's pace, whole or frame by frame, and breaks it off where the
 * scenario says so. Holds one frame at a time, waits for slow readers, stops when the client goes; never throws.
 */
import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Ask, MockUsage, Reply } from './reply.ts';
import type { Scenario } from './scenarios.ts';
import type { CallEnd } from './totals.ts';
import type { Frame, FrameFraming, MockEndpoint, MockRequest } from './wire.ts';

const gzipAsync = promisify(gzip);
/** Headers come before the first token: this part of the time to the first token passes without them. */
const HEADERS_SHARE = 0.4;
const GZIP_BYTES_MIN = 1_024;
const STALL_MS = 60_000;

/** How a call ended, and the usage that it reported up to there. */
export interface Sent {
  readonly end: CallEnd;
  readonly usage: MockUsage | undefined;
}

export interface Sending {
  readonly response: ServerResponse;
  /** Aborted when the response is closed, by whichever side. */
  readonly closed: AbortSignal;
  readonly headers: OutgoingHttpHeaders;
  readonly latencyScale: number;
  readonly gzip: boolean;
}

type Break = Extract<Scenario, { kind: 'break' }>['how'] | undefined;

export async function sendWhole(sending: Sending, text: string, status: number, broken: Break, wait_ms: number): Promise<CallEnd> {
  const { response, closed } = sending;
  if (!(await pause(sending, wait_ms))) return 'client_gone';
  const plain = Buffer.from(broken === 'malformed_body' ? text.slice(0, Math.floor(text.length * 0.6)) : text);
  const packed = sending.gzip && plain.length >= GZIP_BYTES_MIN;
  const body = packed ? await gzipAsync(plain) : plain;
  if (closed.aborted) return 'client_gone';
  response.writeHead(status, {
    ...sending.headers,
    'content-type': 'application/json',
    'content-length': body.length,
    ...(packed ? { 'content-encoding': 'gzip' } : {}),
  });
  if (broken === 'cut_stream' || broken === 'stall') return cut(sending, body.subarray(0, Math.floor(body.length / 2)), broken);
  response.end(body);
  if (!(await finished(sending))) return 'client_gone';
  if (broken === 'malformed_body') return 'malformed';
  return status >= 400 ? 'http_error' : 'ok';
}

export async function sendStream(
  sending: Sending,
  endpoint: MockEndpoint & { streaming: NonNullable<MockEndpoint['streaming']> },
  request: MockRequest,
  ask: Ask,
  reply: Reply,
  broken: Break,
): Promise<Sent> {
  const { response } = sending;
  const framing = endpoint.streaming.framing(request);
  const writer = frameWriter(framing);
  let usage: MockUsage | undefined;
  const gone = (): Sent => ({ end: 'client_gone', usage });
  if (!(await pause(sending, reply.ttft_ms * HEADERS_SHARE))) return gone();
  const contentType = framing === 'json-array' ? 'application/json; charset=UTF-8' : 'text/event-stream; charset=utf-8';
  response.writeHead(200, { ...sending.headers, 'content-type': contentType, 'cache-control': 'no-cache' });
  response.flushHeaders();
  let wait_ms = reply.ttft_ms * (1 - HEADERS_SHARE);
  let tokens = 0;
  let frames = 0;
  let pending = broken;
  for (const frame of endpoint.streaming.frames(request, ask, reply)) {
    if (frame.tokens > 0) {
      if (!(await pause(sending, wait_ms + frame.tokens * reply.token_ms))) return gone();
      wait_ms = 0;
    }
    tokens += frame.tokens;
    let text = writer.write(frame);
    if (pending !== undefined && tokens > breakAfterTokens(reply)) {
      if (pending === 'cut_stream' || pending === 'stall') {
        return { end: await cut(sending, Buffer.from(text.slice(0, Math.floor(text.length / 2))), pending), usage };
      }
      if (pending === 'in_stream_error') {
        const failure = endpoint.streaming.failure(request, reply, frames);
        text = failure.map((each, index) => (index === 0 ? writer.rewrite(each) : writer.write(each))).join('') + writer.end();
        response.end(text);
        return (await finished(sending)) ? { end: 'stream_error', usage } : gone();
      }
      text = writer.rewrite({ ...frame, data: JSON.stringify(frame.data).slice(0, -9) });
      pending = undefined;
    }
    if (!(await write(sending, text))) return gone();
    frames += 1;
    usage = frame.usage ?? usage;
  }
  response.end(writer.end());
  if (!(await finished(sending))) return gone();
  return { end: broken === 'malformed_body' ? 'malformed' : 'ok', usage };
}

/** Halfway through the words; before the first piece of a tool's arguments. */
function breakAfterTokens(reply: Reply): number {
  return reply.tool === undefined ? Math.floor(reply.usage.output_tokens / 2) : 1;
}

interface FrameWriter {
  write(frame: Frame): string;
  /** Writes `frame` in the place of the one written last. */
  rewrite(frame: Frame): string;
  end(): string;
}

/** Google ends its events' lines with CR LF, the others with LF; both are right (WHATWG HTML, section 9.2.5). */
const LINE_END = { sse: '\n', 'named-sse': '\n', 'sse-crlf': '\r\n' } as const;

function frameWriter(framing: FrameFraming): FrameWriter {
  const json = (frame: Frame): string => (typeof frame.data === 'string' ? frame.data : JSON.stringify(frame.data));
  if (framing === 'json-array') {
    let written = 0;
    const element = (frame: Frame): string => (written === 1 ? '[' : ',\r\n') + json(frame);
    return {
      write: (frame) => {
        written += 1;
        return element(frame);
      },
      rewrite: element,
      end: () => (written === 0 ? '[]' : '\n]'),
    };
  }
  const line = LINE_END[framing];
  const event = (frame: Frame): string =>
    `${framing === 'named-sse' && frame.event !== undefined ? `event: ${frame.event}${line}` : ''}data: ${json(frame)}${line}${line}`;
  return { write: event, rewrite: event, end: () => '' };
}

/** False when the client has gone meanwhile. */
async function pause(sending: Sending, wait_ms: number): Promise<boolean> {
  const scaled_ms = wait_ms * sending.latencyScale;
  if (scaled_ms >= 1 && !sending.closed.aborted) await sleep(scaled_ms, undefined, { signal: sending.closed }).catch(ignoreAbort);
  return !sending.closed.aborted;
}

async function write(sending: Sending, text: string): Promise<boolean> {
  if (sending.closed.aborted) return false;
  if (!sending.response.write(text)) await once(sending.response, 'drain', { signal: sending.closed }).catch(ignoreAbort);
  return !sending.closed.aborted;
}

async function finished({ response, closed }: Sending): Promise<boolean> {
  if (!response.writableFinished && !closed.aborted) await once(response, 'finish', { signal: closed }).catch(ignoreAbort);
  return response.writableFinished;
}

/** Sends the last part, lets it reach the socket, and closes the connection without an end of the body. */
async function cut(sending: Sending, part: Uint8Array, how: 'cut_stream' | 'stall'): Promise<CallEnd> {
  const { response, closed } = sending;
  // A write's callback also runs, with an error, when the connection is closed first.
  await new Promise<void>((resolve) => response.write(part, () => resolve()));
  if (how === 'stall' && !closed.aborted) await sleep(STALL_MS, undefined, { signal: closed }).catch(ignoreAbort);
  if (closed.aborted) return 'client_gone';
  response.destroy();
  return 'cut';
}

/** The signal's abort is the news itself; callers look at the signal. */
function ignoreAbort(): void {}
