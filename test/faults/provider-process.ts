/**
 * The process of the fault tests' provider: remembers which calls reached it, and answers each with usage, whole, as a short
 * stream, or with as many bytes as asked for. Ends with its parent.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenOnLoopback } from '../kit/upstream.ts';
import { ID_HEADER, type ProviderMessage, REACHED_QUESTION, SHAPE_HEADER } from './provider.ts';

const KEEP_ALIVE_MS = 60_000;
const STREAM_CHUNKS = 8;
const STREAM_PAUSE_MS = 40;
const WHOLE_MS = 20;
const PIECE = Buffer.alloc(16 * 1024, 'x');
const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

let reached: string[] = [];
const server = createServer((req, res) => {
  reached.push(String(req.headers[ID_HEADER]));
  answer(req, res).catch(() => res.destroy());
});
// As providers have it: what happens when one closes a connection under a call is not what these tests are about.
server.keepAliveTimeout = KEEP_ALIVE_MS;
process.on('message', (question) => {
  if (question !== REACHED_QUESTION) return;
  tell({ reached });
  reached = [];
});
process.once('disconnect', () => process.exit());
tell({ url: `http://127.0.0.1:${await listenOnLoopback(server)}` });

function tell(message: ProviderMessage): void {
  process.send?.(message);
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  req.resume();
  const shape = String(req.headers[SHAPE_HEADER] ?? '');
  if (shape === 'stream') return answerStream(res);
  if (shape !== '') return answerBytes(res, Number(shape));
  await sleep(WHOLE_MS);
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ id: 'c', model: 'gpt-5-mini', choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }], usage: USAGE }));
}

async function answerStream(res: ServerResponse): Promise<void> {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let i = 0; i < STREAM_CHUNKS && !res.destroyed; i += 1) {
    res.write(`data: ${JSON.stringify({ model: 'gpt-5-mini', choices: [{ delta: { content: 'word ' } }] })}\n\n`);
    await sleep(STREAM_PAUSE_MS);
  }
  res.end(`data: ${JSON.stringify({ model: 'gpt-5-mini', choices: [], usage: USAGE })}\n\ndata: [DONE]\n\n`);
}

async function answerBytes(res: ServerResponse, bytes: number): Promise<void> {
  res.writeHead(200, { 'content-type': 'application/octet-stream' });
  let resume = (): void => {};
  for (const event of ['drain', 'close']) res.on(event, () => resume());
  for (let sent = 0; sent < bytes && !res.destroyed; sent += PIECE.length)
    if (!res.write(PIECE))
      await new Promise<void>((resolve) => {
        resume = resolve;
      });
  res.end();
}
