/**
 * A pretend LLM provider: answers OpenAI's, Anthropic's and Gemini's APIs under /openai, /anthropic and /gemini
 * in their documented wire formats, with made-up words and believable sizes, latencies and failures.
 * The same seed and requests give the same answers. Any input gets an answer in the dialect's shape; memory
 * and connections are bounded, and what was sent is counted (`sent`). What it can be told to do: scenarios.ts.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ANTHROPIC } from './anthropic.ts';
import { GEMINI } from './gemini.ts';
import { text } from './json.ts';
import { findMockModel } from './models.ts';
import { OPENAI } from './openai.ts';
import { createRandom, type Random } from './random.ts';
import { planReply } from './reply.ts';
import { chooseScenario, SCENARIO_HEADER } from './scenarios.ts';
import { type Sending, sendStream, sendWhole } from './send.ts';
import { type CallEnd, type CallFacts, createTotals, LABEL_HEADER, type MockTotals, type TotalsKeeper } from './totals.ts';
import { ERROR_MESSAGES, type MockDialect, type MockEndpoint, type MockRequest } from './wire.ts';

export interface MockOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly seed: number;
  /** 1: believable latencies; 0: as fast as it goes. */
  readonly latencyScale?: number;
  /** Random failures at the rates of scenarios.ts. */
  readonly errors?: boolean;
}

export interface MockProvider {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
  sent(): MockTotals;
}

/** The largest request that Anthropic takes (https://docs.anthropic.com/en/api/overview); the others get the same. */
const REQUEST_BYTES_MAX = 32 * 1024 ** 2;
/** Requests being read, all together. */
const HELD_BYTES_MAX = 256 * 1024 ** 2;
const CONNECTIONS_MAX = 4_096;
/** Longer than clients keep connections, so that a pooled one is not closed under a request. */
const KEEP_ALIVE_MS = 120_000;
/** How many different requests are remembered, to answer a repeated one differently. */
const REPEATS_MAX = 4_096;
const DIALECTS: readonly MockDialect[] = [OPENAI, ANTHROPIC, GEMINI];

interface Mock {
  readonly options: Required<MockOptions>;
  readonly totals: TotalsKeeper;
  /** How often a request has come, by its hash. */
  readonly repeats: Map<string, number>;
  heldBytes: number;
}

/** @throws the server's error when it cannot listen, `EADDRINUSE` for one */
export async function startMockProvider(options: MockOptions): Promise<MockProvider> {
  const mock: Mock = {
    options: { latencyScale: 1, errors: false, ...options },
    totals: createTotals(),
    repeats: new Map(),
    heldBytes: 0,
  };
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (request, response) => {
    answerCall(mock, request, response).catch(() => response.destroy());
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.on('drop', () => mock.totals.refuseConnection());
  const port = await listen(server, options.host, options.port);
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, port, close: () => closeServer(server), sent: () => mock.totals.read() };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Route {
  readonly dialect: MockDialect;
  readonly endpoint: MockEndpoint | undefined;
  readonly match: RegExpExecArray | undefined;
  readonly query: URLSearchParams;
  /** The status when there is no endpoint. */
  readonly problem: 404 | 405;
}

function findRoute(method: string, target: string): Route {
  const queryStart = target.indexOf('?');
  const path = queryStart < 0 ? target : target.slice(0, queryStart);
  const query = new URLSearchParams(queryStart < 0 ? '' : target.slice(queryStart + 1));
  const dialect = DIALECTS.find((each) => path.startsWith(`/${each.name}/`));
  const rest = dialect === undefined ? '' : path.slice(dialect.name.length + 1);
  const fits = dialect?.endpoints.filter((each) => each.path.test(rest)) ?? [];
  const endpoint = fits.find((each) => each.method === method);
  const match = endpoint?.path.exec(rest) ?? undefined;
  return { dialect: dialect ?? OPENAI, endpoint, match, query, problem: fits.length > 0 ? 405 : 404 };
}

/** One call, in order: route, credential, body, what it asks, scenario, answer, count. */
async function answerCall(mock: Mock, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const closing = new AbortController();
  response.on('close', () => closing.abort());
  response.on('error', () => closing.abort());
  const method = request.method ?? '';
  const route = findRoute(method, request.url ?? '');
  const { dialect, endpoint, match, query } = route;
  const body = await readBody(mock, request);
  if (closing.signal.aborted) return;
  const random = randomFor(mock, `${method} ${request.url ?? ''}`, typeof body === 'number' ? undefined : body);
  const requestId = random.text(22);
  const sending: Sending = {
    response,
    closed: closing.signal,
    headers: dialect.headers(requestId, undefined, 1),
    latencyScale: mock.options.latencyScale,
    gzip: /\bgzip\b/.test(text(request.headers['accept-encoding'])),
  };
  const base = { label: headerText(request, LABEL_HEADER), dialect: dialect.name, operation: endpoint?.operation ?? 'other' };
  const fail = async (status: number, problem: string, facts: { model: string; stream: boolean }): Promise<void> => {
    const error = dialect.error(status, problem, requestId);
    const headers = error.status === 429 ? { ...sending.headers, 'retry-after': '1' } : sending.headers;
    const end = await sendWhole({ ...sending, headers }, JSON.stringify(error.body), error.status, undefined, 20);
    mock.totals.add({ ...base, ...facts, status: error.status, end }, undefined);
  };
  const unread = { model: '', stream: false };
  if (typeof body === 'number') return fail(body, ERROR_MESSAGES[body] ?? '', unread);
  if (endpoint === undefined || match === undefined) return fail(route.problem, ERROR_MESSAGES[route.problem] ?? '', unread);
  if (!hasCredential(request, dialect, query)) return fail(401, 'No API key was sent.', unread);
  const parsed = parseJson(body);
  if (parsed === undefined) return fail(400, 'The body is not valid JSON.', unread);
  const asked: MockRequest = { match, query, body: parsed.value, bodyBytes: body.length };
  const ask = endpoint.read(asked);
  if ('problem' in ask) return fail(400, ask.problem, unread);
  const facts = { model: ask.model, stream: ask.stream };
  const header = headerText(request, SCENARIO_HEADER) || undefined;
  const scenario = chooseScenario(header, ask.model, dialect.name, mock.options.errors, random);
  if (scenario.kind === 'unknown') return fail(400, scenario.problem, facts);
  if (scenario.kind === 'status') return fail(scenario.status, ERROR_MESSAGES[scenario.status] ?? '', facts);
  const broken = scenario.kind === 'break' ? scenario.how : undefined;
  const reply = planReply(ask, findMockModel(ask.model, dialect.name), scenario.kind === 'answer' ? scenario.variation : 'none', random);
  const count = (status: number, end: CallEnd, usage: Parameters<TotalsKeeper['add']>[1]): void => {
    const whole: CallFacts = { ...base, ...facts, status, end };
    mock.totals.add(whole, usage);
  };
  if (broken === 'reset') {
    request.socket.destroy();
    return count(0, 'cut', undefined);
  }
  const ready: Sending = { ...sending, headers: dialect.headers(requestId, ask, reply.ttft_ms) };
  const { streaming } = endpoint;
  if (ask.stream && streaming !== undefined) {
    const { end, usage } = await sendStream(ready, { ...endpoint, streaming }, asked, ask, reply, broken);
    return count(200, end, usage);
  }
  if (broken === 'in_stream_error') return fail(500, ERROR_MESSAGES[500] ?? '', facts);
  const whole = endpoint.whole(asked, ask, reply);
  const wait_ms = reply.ttft_ms + reply.usage.output_tokens * reply.token_ms;
  const end = await sendWhole(ready, JSON.stringify(whole.body), 200, broken, wait_ms);
  count(200, end, end === 'ok' ? whole.usage : undefined);
}

/** The body, or the status that says why it was not read. The rest of a refused body is read and thrown away. */
async function readBody(mock: Mock, request: IncomingMessage): Promise<Buffer | 413 | 503> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let problem: 413 | 503 | undefined;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (problem !== undefined) continue;
      if (bytes + chunk.length > REQUEST_BYTES_MAX) problem = 413;
      else if (mock.heldBytes + chunk.length > HELD_BYTES_MAX) problem = 503;
      if (problem !== undefined) {
        chunks.length = 0;
        continue;
      }
      bytes += chunk.length;
      mock.heldBytes += chunk.length;
      chunks.push(chunk);
    }
    return problem ?? Buffer.concat(chunks);
  } catch {
    // The client went away in the middle of its request; the caller sees the closed response.
    return 503;
  } finally {
    mock.heldBytes -= bytes;
  }
}

function parseJson(body: Buffer): { readonly value: unknown } | undefined {
  if (body.length === 0) return { value: undefined };
  try {
    return { value: JSON.parse(body.toString('utf8')) };
  } catch {
    return undefined;
  }
}

/** The n-th identical request has its own random numbers: repeatable whatever the order, yet a retry may fare better. */
function randomFor(mock: Mock, line: string, body: Buffer | undefined): Random {
  const hash = createHash('sha256').update(line).update('\0');
  if (body !== undefined) hash.update(body);
  const key = hash.digest('base64');
  const repeat = mock.repeats.get(key) ?? 0;
  mock.repeats.delete(key);
  mock.repeats.set(key, repeat + 1);
  if (mock.repeats.size > REPEATS_MAX) {
    const oldest = mock.repeats.keys().next();
    if (!oldest.done) mock.repeats.delete(oldest.value);
  }
  return createRandom('mock', mock.options.seed, key, repeat);
}

function hasCredential(request: IncomingMessage, dialect: MockDialect, query: URLSearchParams): boolean {
  const inQuery = dialect.credentialQuery === undefined ? null : query.get(dialect.credentialQuery);
  return dialect.credentialHeaders.some((name) => headerText(request, name) !== '') || (inQuery ?? '') !== '';
}

function headerText(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value.join(', ') : (value ?? '')).trim();
}
