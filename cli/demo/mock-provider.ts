/**
 * A pretend LLM provider: answers OpenAI's, Anthropic's, Gemini's, Mistral's, Groq's, Cohere's, Bedrock's and
 * Ollama's APIs, each under its name (/openai, /anthropic, …) in their documented wire formats, with made-up words and believable sizes, latencies and failures.
 * The same seed and requests give the same answers. Any input gets an answer in the dialect's shape; memory
 * and connections are bounded, and what was sent is counted (`sent`). What it can be told to do: scenarios.ts.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { reachableHost } from '../../contract/listen.ts';
import { ANTHROPIC } from './anthropic.ts';
import { BEDROCK } from './bedrock.ts';
import { COHERE } from './cohere.ts';
import { GEMINI } from './gemini.ts';
import { findMockModel } from './models.ts';
import { OLLAMA } from './ollama.ts';
import { OPENAI } from './openai.ts';
import { GROQ, MISTRAL } from './openai-vendors.ts';
import { createRandom, type Random } from './random.ts';
import { type Ask, type MockUsage, planReply } from './reply.ts';
import { chooseScenario, SCENARIO_HEADER } from './scenarios.ts';
import { type Sending, sendStream, sendWhole } from './send.ts';
import { type CallFacts, createTotals, LABEL_HEADER, type MockTotals, type TotalsKeeper } from './totals.ts';
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
/** A refusal comes quickly, before any model is asked. */
const REFUSAL_MS = 20;
/** How many different requests are remembered, to answer a repeated one differently. */
const REPEATS_MAX = 4_096;
const DIALECTS: readonly MockDialect[] = [OPENAI, ANTHROPIC, GEMINI, MISTRAL, GROQ, COHERE, BEDROCK, OLLAMA];

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
  return { url: `http://${reachableHost(options.host)}:${port}`, port, close: () => closeServer(server), sent: () => mock.totals.read() };
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

/** A call whose client and route are known. */
interface Call {
  readonly mock: Mock;
  readonly request: IncomingMessage;
  readonly dialect: MockDialect;
  readonly requestId: string;
  readonly random: Random;
  readonly sending: Sending;
  /** Counts the call; every call is counted once. */
  count(facts: Pick<CallFacts, 'model' | 'stream' | 'status' | 'end'>, usage?: MockUsage): void;
}

const NOT_READ = { model: '', stream: false };

/** One call up to its reading, in order: route, body, credential, JSON, what it asks. */
async function answerCall(mock: Mock, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const closing = new AbortController();
  response.on('close', () => closing.abort());
  response.on('error', () => closing.abort());
  const line = `${request.method ?? ''} ${request.url ?? ''}`;
  const { dialect, endpoint, match, query, problem } = findRoute(request.method ?? '', request.url ?? '');
  const body = await readBody(mock, request);
  const random = randomFor(mock, line, typeof body === 'number' ? undefined : body);
  const requestId = random.text(22);
  const base = { label: headerText(request, LABEL_HEADER), dialect: dialect.name, operation: endpoint?.operation ?? 'other' };
  const sending: Sending = {
    response,
    closed: closing.signal,
    headers: dialect.headers(requestId, undefined, 1),
    latencyScale: mock.options.latencyScale,
    gzip: /\bgzip\b/.test(headerText(request, 'accept-encoding')),
  };
  const count: Call['count'] = (facts, usage) => mock.totals.add({ ...base, ...facts }, usage);
  const call: Call = { mock, request, dialect, requestId, random, sending, count };
  if (typeof body === 'number') return refuse(call, body);
  if (endpoint === undefined || match === undefined) return refuse(call, problem);
  if (!hasCredential(request, dialect, query)) return refuse(call, 401, 'No API key was sent.');
  const parsed = parseJson(body);
  if (parsed === undefined) return refuse(call, 400, 'The body is not valid JSON.');
  const asked: MockRequest = { match, query, body: parsed.value, bodyBytes: body.length };
  const ask = endpoint.read(asked);
  return 'problem' in ask ? refuse(call, 400, ask.problem) : answerAsk(call, endpoint, asked, ask);
}

/** The rest of its way: scenario, plan, answer. */
async function answerAsk(call: Call, endpoint: MockEndpoint, asked: MockRequest, ask: Ask): Promise<void> {
  const { mock, dialect, random, request } = call;
  const facts = { model: ask.model, stream: ask.stream };
  const named = headerText(request, SCENARIO_HEADER) || undefined;
  const scenario = chooseScenario(named, ask.model, dialect.name, mock.options.errors, random);
  if (scenario.kind === 'unknown') return refuse(call, 400, scenario.problem, facts);
  if (scenario.kind === 'status') return refuse(call, scenario.status, undefined, facts);
  const broken = scenario.kind === 'break' ? scenario.how : undefined;
  if (broken === 'reset') {
    request.socket.destroy();
    return call.count({ ...facts, status: 0, end: 'cut' });
  }
  const variation = scenario.kind === 'answer' ? scenario.variation : 'none';
  const reply = planReply(ask, findMockModel(ask.model, dialect.name), variation, random);
  const sending = { ...call.sending, headers: dialect.headers(call.requestId, ask, reply.ttft_ms) };
  const { streaming } = endpoint;
  if (ask.stream && streaming !== undefined) {
    const { end, usage } = await sendStream(sending, { ...endpoint, streaming }, asked, ask, reply, broken);
    return call.count({ ...facts, status: 200, end }, usage);
  }
  if (broken === 'in_stream_error') return refuse(call, 500, undefined, facts);
  const whole = endpoint.whole(asked, ask, reply);
  const wait_ms = reply.ttft_ms + reply.usage.output_tokens * reply.token_ms;
  const end = await sendWhole(sending, JSON.stringify(whole.body), 200, broken, wait_ms);
  call.count({ ...facts, status: 200, end }, end === 'ok' ? whole.usage : undefined);
}

async function refuse(call: Call, status: number, problem = ERROR_MESSAGES[status] ?? '', facts = NOT_READ): Promise<void> {
  const error = call.dialect.error(status, problem, call.requestId);
  const headers = error.status === 429 ? { ...call.sending.headers, 'retry-after': '1' } : call.sending.headers;
  const end = await sendWhole({ ...call.sending, headers }, JSON.stringify(error.body), error.status, undefined, REFUSAL_MS);
  call.count({ ...facts, status: error.status, end });
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
  if (dialect.credentialHeaders.length === 0) return true;
  return dialect.credentialHeaders.some((name) => headerText(request, name) !== '') || (inQuery ?? '') !== '';
}

function headerText(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value.join(', ') : (value ?? '')).trim();
}
