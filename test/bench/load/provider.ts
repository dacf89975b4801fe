/**
 * The provider that all contenders forward to: bare TCP, since what it costs is what nobody can be faster than.
 * Answers a chat completion of about 1.5 KB with the headers that OpenAI sends, or a stream of events at a
 * steady pace where the request asks for one. Runs in the load generator's process (see ../README.md).
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface ProviderOptions {
  readonly port: number;
  /** Events of one stream, and the pause between them. */
  readonly chunks: number;
  readonly interval_ms: number;
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
}

const ANSWER_TEXT_CHARS = 900;
const HEAD_END = Buffer.from('\r\n\r\n');
const STREAM_MARK = /"stream": ?true/;

const HEADERS = [
  'date: Mon, 02 Nov 2026 10:00:00 GMT',
  'openai-organization: bench',
  'openai-processing-ms: 412',
  'openai-version: 2020-10-01',
  'x-ratelimit-limit-requests: 10000',
  'x-ratelimit-limit-tokens: 2000000',
  'x-ratelimit-remaining-requests: 9999',
  'x-ratelimit-remaining-tokens: 1999632',
  'x-ratelimit-reset-requests: 6ms',
  'x-ratelimit-reset-tokens: 11ms',
  'x-request-id: req_0123456789abcdef0123456789abcdef',
  'strict-transport-security: max-age=31536000',
  'server: bench',
  'connection: keep-alive',
];
const USAGE = {
  prompt_tokens: 212,
  completion_tokens: 187,
  total_tokens: 399,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
};
const COMMON = { id: 'chatcmpl-bench', created: 1_790_000_000, model: 'gpt-4o-mini-2024-07-18', system_fingerprint: 'fp_bench' };

const BODY = JSON.stringify({
  ...COMMON,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'Lorem ipsum. '.repeat(ANSWER_TEXT_CHARS / 13), refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: USAGE,
  service_tier: 'default',
});
const WHOLE_ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n${HEADERS.join('\r\n')}\r\n\r\n${BODY}`,
);
const STREAM_HEAD = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n${HEADERS.join('\r\n')}\r\n\r\n`;

const chunkOf = (data: string): string => `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`;
const event = (fields: object): string => chunkOf(`data: ${JSON.stringify({ ...COMMON, object: 'chat.completion.chunk', ...fields })}\n\n`);
const EVENT = event({ choices: [{ index: 0, delta: { content: ' token' }, logprobs: null, finish_reason: null }], usage: null });
const STREAM_END =
  event({ choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }], usage: null }) +
  event({ choices: [], usage: USAGE }) +
  chunkOf('data: [DONE]\n\n') +
  chunkOf('');

export function startProvider(options: ProviderOptions): Promise<Server> {
  const onSocket = (socket: Socket): void => serve(socket, options);
  const server = options.tls ? createTlsServer({ ...options.tls }, onSocket) : createServer({ noDelay: true }, onSocket);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: '127.0.0.1', backlog: 16_384 }, () => resolve(server));
  });
}

function serve(socket: Socket, options: ProviderOptions): void {
  let held: Buffer | undefined;
  socket.on('error', () => {}); // a contender that is killed
  socket.on('data', (chunk: Buffer) => {
    let bytes = held === undefined ? chunk : Buffer.concat([held, chunk]);
    held = undefined;
    for (;;) {
      const end = requestEnd(bytes);
      if (end === undefined) {
        if (bytes.length > 0) held = bytes;
        return;
      }
      answer(socket, bytes.subarray(0, end), options);
      bytes = bytes.subarray(end);
    }
  });
}

/** Where the first request ends; undefined: not yet. */
function requestEnd(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = bytes.toString('latin1', 0, headEnd + 2);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return bytes.length >= headEnd + 4 + Number(length) ? headEnd + 4 + Number(length) : undefined;
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return headEnd + 4;
  const last = bytes.indexOf('\r\n0\r\n\r\n', headEnd);
  return last < 0 ? undefined : last + 7;
}

function answer(socket: Socket, request: Buffer, { chunks, interval_ms }: ProviderOptions): void {
  if (!STREAM_MARK.test(request.toString('latin1'))) {
    socket.write(WHOLE_ANSWER);
    return;
  }
  socket.write(STREAM_HEAD + EVENT);
  let sent = 1;
  const timer = setInterval(() => {
    sent += 1;
    if (sent < chunks) socket.write(EVENT);
    else {
      clearInterval(timer);
      socket.write(STREAM_END);
    }
  }, interval_ms);
  socket.once('close', () => clearInterval(timer));
}
