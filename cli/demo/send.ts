/**
 * Sends a planned reply over HTTP at the model's pace, whole or frame by frame, and breaks it off where the
 * scenario says so. Holds one frame at a time, waits for slow readers, stops when the client goes; never throws.
 */
import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32, gzip } from 'node:zlib';
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
  response.writeHead(200, { ...sending.headers, 'content-type': CONTENT_TYPES[framing], 'cache-control': 'no-cache' });
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
        return { end: await cut(sending, text.subarray(0, Math.floor(text.length / 2)), pending), usage };
      }
      if (pending === 'in_stream_error') {
        const failure = endpoint.streaming.failure(request, reply, frames);
        text = Buffer.concat([...failure.map((each, index) => (index === 0 ? writer.rewrite(each) : writer.write(each))), writer.end()]);
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
  write(frame: Frame): Buffer;
  /** Writes `frame` in the place of the one written last. */
  rewrite(frame: Frame): Buffer;
  end(): Buffer;
}

const CONTENT_TYPES: Readonly<Record<FrameFraming, string>> = {
  sse: 'text/event-stream; charset=utf-8',
  'sse-crlf': 'text/event-stream; charset=utf-8',
  'named-sse': 'text/event-stream; charset=utf-8',
  'json-array': 'application/json; charset=UTF-8',
  ndjson: 'application/x-ndjson',
  'aws-event-stream': 'application/vnd.amazon.eventstream',
};
/** Google ends its events' lines with CR LF, the others with LF; both are right (WHATWG HTML, section 9.2.5). */
const LINE_END = { sse: '\n', 'named-sse': '\n', 'sse-crlf': '\r\n' } as const;

function frameWriter(framing: FrameFraming): FrameWriter {
  const json = (frame: Frame): string => (typeof frame.data === 'string' ? frame.data : JSON.stringify(frame.data));
  const same = (write: (frame: Frame) => Buffer): FrameWriter => ({ write, rewrite: write, end: () => Buffer.alloc(0) });
  if (framing === 'json-array') {
    let written = 0;
    const element = (frame: Frame): Buffer => Buffer.from((written === 1 ? '[' : ',\r\n') + json(frame));
    return {
      write: (frame) => {
        written += 1;
        return element(frame);
      },
      rewrite: element,
      end: () => Buffer.from(written === 0 ? '[]' : '\n]'),
    };
  }
  if (framing === 'ndjson') return same((frame) => Buffer.from(`${json(frame)}\n`));
  if (framing === 'aws-event-stream') return same((frame) => awsMessage(frame.event ?? '', Buffer.from(json(frame))));
  const line = LINE_END[framing];
  return same((frame) => {
    const name = framing === 'named-sse' && frame.event !== undefined ? `event: ${frame.event}${line}` : '';
    return Buffer.from(`${name}data: ${json(frame)}${line}${line}`);
  });
}

/** https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html: lengths and CRC, headers, payload, CRC. */
function awsMessage(event: string, payload: Buffer): Buffer {
  const kind = event.endsWith('Exception') ? 'exception' : 'event';
  const headers = Buffer.concat(
    [
      [`:${kind}-type`, event],
      [':content-type', 'application/json'],
      [':message-type', kind],
    ].map(([name = '', value = '']) =>
      // 7: the value is a string.
      Buffer.concat([
        Buffer.from([name.length]),
        Buffer.from(name),
        Buffer.from([7, value.length >> 8, value.length & 0xff]),
        Buffer.from(value),
      ]),
    ),
  );
  const message = Buffer.alloc(12 + headers.length + payload.length + 4);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(headers.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  headers.copy(message, 12);
  payload.copy(message, 12 + headers.length);
  message.writeUInt32BE(crc32(message.subarray(0, message.length - 4)), message.length - 4);
  return message;
}

/** False when the client has gone meanwhile. */
async function pause(sending: Sending, wait_ms: number): Promise<boolean> {
  const scaled_ms = wait_ms * sending.latencyScale;
  if (scaled_ms >= 1 && !sending.closed.aborted) await sleep(scaled_ms, undefined, { signal: sending.closed }).catch(ignoreAbort);
  return !sending.closed.aborted;
}

async function write(sending: Sending, text: Uint8Array): Promise<boolean> {
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
