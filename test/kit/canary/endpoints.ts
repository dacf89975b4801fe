/**
 * A call of every endpoint that Glassway knows. Takes the code's own table of them (proxy/providers): how a request, an
 * answer and a stream look comes from what the table says of where their texts are; only an example of each path is written
 * here. `unmet` names the endpoints that no example leads to, so that a new one fails the test until it has its call.
 */
import { findEndpoint } from '../../../proxy/extract.ts';
import { UPSTREAMS } from '../../../proxy/providers/index.ts';
import type { Endpoint, TextFields, Upstream } from '../../../proxy/providers/provider.ts';
import { type Answer, json, stream, whole } from './answers.ts';
import type { Planter } from './planter.ts';

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  readonly answer: Answer;
}

const OPENAI = [
  ...['/chat/completions', '/agents/completions', '/responses', '/responses/compact', '/responses/input_tokens', '/completions'],
  ...['/embeddings', '/pooling', '/rerank', '/classify', '/moderations', '/images/generations', '/images/edits', '/audio/speech'],
  ...['/audio/transcriptions', '/audio/translations', '/conversations', '/threads/t/runs', '/videos', '/ocr', '/files'],
  '/cortex/inference:complete',
  '/cortex/inference:embed',
].map((path) => `/v1${path}`);
const MESSAGES = ['/v1/messages', '/v1/messages/count_tokens', '/v1/messages/batches'];
const GEMINI_MODELS = [
  ...['gemini-2.5-flash:generateContent', 'gemini-2.5-flash:streamGenerateContent', 'gemini-embedding-001:embedContent'],
  ...['gemini-2.5-flash:countTokens', 'text-embedding-005:predict', 'imagen-4:predict', 'veo-3:predictLongRunning'],
  ...['gemini-2.5-flash:batchGenerateContent', 'gemini-2.5-flash:tuneModel'],
].map((name) => `/v1beta/models/${name}`);
const PUBLISHERS = ['anthropic/models/claude-sonnet-4-5', 'anthropic/models/count-tokens', 'mistralai/models/mistral-small'].flatMap(
  (name) => ['rawPredict', 'streamRawPredict'].map((verb) => `/v1/projects/p/locations/global/publishers/${name}:${verb}`),
);
const BEDROCK_MODELS = [
  ...['amazon.nova-lite-v1/converse', 'amazon.nova-lite-v1/converse-stream', 'amazon.titan-embed-v2/invoke'],
  ...['amazon.titan-image-v2/invoke', 'cohere.rerank-v3/invoke', 'anthropic.claude-v4/invoke'],
  ...['anthropic.claude-v4/invoke-with-response-stream', 'amazon.nova-lite-v1/count-tokens'],
].map((name) => `/model/${name}`);

/** Examples by upstream; a GET is marked so. Those not named are vendors that speak another's format: they get its chat. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  openai: [...OPENAI, ...MESSAGES, '/v1/batches', '/v1/anything', 'GET /v1/models', 'GET /v1/models/gpt-4o'],
  anthropic: [...MESSAGES, '/v1/complete', '/v1/files', 'GET /v1/models'],
  gemini: [
    ...GEMINI_MODELS,
    ...OPENAI.map((path) => path.replace('/v1/', '/v1beta/openai/')),
    '/v1beta/cachedContents',
    '/v1beta/interactions',
    'GET /v1beta/models',
  ],
  vertex: PUBLISHERS,
  bedrock: BEDROCK_MODELS,
  cohere: [...['/v2/chat', '/v1/chat', '/v1/generate', '/v2/embed', '/v2/rerank', '/v1/classify', '/v1/tokenize'], 'GET /v1/models'],
  ollama: ['/api/chat', '/api/generate', '/api/embed', 'GET /api/tags', '/v1/chat/completions'],
  lmstudio: ['/api/v1/chat', '/v1/chat/completions'],
  azure: ['/openai/deployments/gpt-4o/chat/completions', '/openai/deployments/embed/embeddings'],
};
const VENDORS_CHAT = ['/v1/chat/completions'];
/** The same code under another upstream's name: a few of the shapes say whether it is reached. */
const isTwin = (upstream: string, path: string): boolean => EXAMPLES[upstream] === undefined || path.includes('/openai/');
/** The mock provider's own, which no settings lead elsewhere. */
const isDemo = (upstream: string): boolean => upstream.startsWith('demo-');
/** Files in forms, in place of JSON. */
const UPLOADS = /\/(?:files|images\/edits|audio\/(?:transcriptions|translations))$/;

interface Example {
  readonly upstream: Upstream;
  readonly method: string;
  readonly path: string;
  readonly endpoint: Endpoint | undefined;
}

const EXAMPLE_LIST: readonly Example[] = Object.values(UPSTREAMS)
  .filter(({ name }) => !isDemo(name))
  .flatMap((upstream) =>
    (EXAMPLES[upstream.name] ?? VENDORS_CHAT).map((text) => {
      const [path = '', method = 'POST'] = text.split(' ').reverse();
      return { upstream, method, path, endpoint: findEndpoint(upstream, method, path)?.endpoint };
    }),
  );

/** Endpoints of the code's table without a call; realtime ones are spoken to by themselves. */
export function unmet(): string[] {
  const met = new Set(EXAMPLE_LIST.map(({ endpoint }) => endpoint));
  const missing = Object.values(UPSTREAMS).flatMap(({ name, dialect }) =>
    dialect.endpoints
      .filter((endpoint) => !endpoint.realtime && !met.has(endpoint))
      .map(({ method, path }) => ({ name, key: `${dialect.name}: ${method} ${path}` })),
  );
  return [...new Set(missing.map(({ key }) => key))];
}

/** Each endpoint as it answers whole, in a stream, in one that breaks off, and with an error that quotes what it was sent. */
export function endpointCalls(planter: Planter): Call[] {
  return EXAMPLE_LIST.flatMap((example) => {
    const { upstream, method, path, endpoint } = example;
    const where = `${upstream.name} ${path}`;
    const call = (shape: string, answer: Answer): Call => ({
      method,
      path: `/${upstream.name}${path}${method === 'GET' ? `?after=${encodeURIComponent(planter.secret(`${where}, query`))}` : ''}`,
      ...requestOf(example, planter, `${where}, ${shape}`),
      answer,
    });
    const calls = [call('whole', whole(answerOf(endpoint?.texts, planter, where)))];
    if (isTwin(upstream.name, path)) return calls;
    calls.push(call('error', errorOf(upstream, planter, where)));
    if (endpoint?.texts === undefined || endpoint.texts.event.length === 0) return calls;
    const { framing, texts } = endpoint;
    const events = (pieces: readonly string[]): unknown[] => pieces.map((piece) => eventOf(texts, piece));
    calls.push(call('stream', stream(framing, events(planter.pieces(`${where}, stream`)))));
    calls.push(call('cut', stream(framing, events(planter.brokenPieces(`${where}, cut stream`)), true)));
    return calls;
  });
}

function requestOf({ method, path, endpoint }: Example, planter: Planter, where: string): Pick<Call, 'headers' | 'body'> {
  if (method === 'GET') return { body: '' };
  if (UPLOADS.test(path)) return upload(planter, where);
  const names = endpoint?.texts?.request ?? ['input', 'prompt', 'messages', 'documents'];
  const fields = Object.fromEntries(names.map((name) => [name, requestField(name, planter, `${where}, ${name}`)]));
  const tools = [{ type: 'function', function: { name: 'f', description: planter.said(`${where}, tool`) } }];
  return {
    body: json({
      model: 'm-1',
      stream: /stream|cut/.test(where),
      ...fields,
      tools,
      metadata: { note: planter.secret(`${where}, metadata`) },
    }),
  };
}

function requestField(name: string, planter: Planter, where: string): unknown {
  const text = planter.said(where);
  if (name === 'messages' || name === 'chat_history')
    return [
      { role: 'user', content: text },
      { role: 'assistant', tool_calls: [{ id: 't', type: 'function', function: { name: 'f', arguments: toolArguments(planter, where) } }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: planter.said(`${where}, part`) },
          {
            type: 'document',
            source: { type: 'base64', media_type: 'text/plain', data: Buffer.from(planter.said(`${where}, base64`)).toString('base64') },
          },
        ],
      },
    ];
  if (name === 'contents')
    return [{ parts: [{ text }, { functionCall: { name: 'f', args: { to: planter.secret(`${where}, arguments`) } } }] }];
  if (/^(?:texts|inputs|documents|requests|instances)$/.test(name)) return [text, { text: planter.said(`${where}, second`) }];
  return text;
}

const toolArguments = (planter: Planter, where: string): string => json({ to: planter.secret(`${where}, tool arguments`), note: 'x' });

/** A form with fields, a file's name, and a file of requests: a batch. */
function upload(planter: Planter, where: string): Pick<Call, 'headers' | 'body'> {
  const line = (n: number) =>
    json({
      custom_id: `r-${n}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body: { messages: [{ role: 'user', content: planter.said(`${where}, line ${n}`) }] },
    });
  const part = (disposition: string, text: string) => `--BB\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n`;
  return {
    headers: { 'content-type': 'multipart/form-data; boundary=BB' },
    body: [
      part('name="model"', 'whisper-1'),
      part('name="prompt"', planter.said(`${where}, form field`)),
      part(`name="file"; filename="${planter.secret(`${where}, file name`, 'email')}.jsonl"`, [line(1), line(2)].join('\n')),
      '--BB--\r\n',
    ].join(''),
  };
}

function answerOf(texts: TextFields | undefined, planter: Planter, where: string): unknown {
  const names = texts === undefined || texts.response.length === 0 ? ['text', 'data', 'results'] : texts.response;
  const fields = names.map((name) => [name, answerField(name, planter, `${where}, answer's ${name}`)]);
  return {
    id: 'a-1',
    model: 'm-1',
    usage: { prompt_tokens: 3, completion_tokens: 2, input_tokens: 3, output_tokens: 2 },
    ...Object.fromEntries(fields),
    warnings: [planter.secret(`${where}, warning`)],
  };
}

function answerField(name: string, planter: Planter, where: string): unknown {
  const text = planter.said(where);
  const call = { id: 't', type: 'function', function: { name: 'f', arguments: toolArguments(planter, where) } };
  if (name === 'choices')
    return [{ index: 0, text, message: { content: planter.said(`${where}, message`), tool_calls: [call] }, finish_reason: 'stop' }];
  if (name === 'candidates') return [{ content: { parts: [{ text }] }, finishReason: 'STOP' }];
  if (name === 'message') return { content: text, tool_calls: [call] };
  if (/^(?:output|outputs|content|data|results|steps)$/.test(name))
    return [{ type: 'text', text, content: [{ type: 'output_text', text: planter.said(`${where}, part`) }] }, call];
  return text;
}

/** A piece of text in the place where this stream's events have theirs. */
function eventOf({ event }: TextFields, piece: string): unknown {
  if (event.includes('choices')) return { model: 'm-1', choices: [{ index: 0, delta: { content: piece }, text: piece }] };
  if (event.includes('candidates')) return { candidates: [{ content: { parts: [{ text: piece }] } }] };
  if (event.includes('content_block')) return { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: piece } };
  if (event.includes('start')) return { contentBlockIndex: 0, delta: { text: piece } };
  if (event.includes('message')) return { message: { role: 'assistant', content: piece }, done: false };
  if (event.includes('response')) return { response: piece, done: false };
  if (event.includes('completion')) return { type: 'completion', completion: piece };
  return { type: 'response.output_text.delta', item_id: 'i', output_index: 0, content_index: 0, delta: piece, text: piece };
}

/** As the dialect words errors, quoting what it was sent. */
function errorOf({ dialect }: Upstream, planter: Planter, where: string): Answer {
  const message = `Invalid value: '${planter.secret(`${where}, error in quotes`)}'. Could not parse ${planter.secret(`${where}, error`)} as text.`;
  const wordings: Readonly<Record<string, unknown>> = {
    anthropic: { type: 'error', error: { type: 'invalid_request_error', message } },
    gemini: { error: { code: 400, status: 'INVALID_ARGUMENT', message } },
    bedrock: { __type: 'ValidationException', message },
    cohere: { id: 'e', message },
    ollama: { error: message },
  };
  return whole(wordings[dialect.name] ?? { error: { type: 'invalid_request_error', code: null, message } }, 400);
}
