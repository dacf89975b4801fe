/**
 * What the table of endpoints does not say: every spelling in which a credential travels, every way in which a provider
 * words an error around what it was sent, keys of Glassway's own and of the provider's that it holds, paths that nobody knows,
 * and secrets in fields that are read as names.
 */
import { json, plain, stream, whole } from './answers.ts';
import type { Call } from './endpoints.ts';
import type { Planter } from './planter.ts';

const CHAT = '/openai/v1/chat/completions';
const HELLO = json({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] });
const UNAUTHORIZED = whole({ error: { message: 'Unauthorized', type: 'auth' } }, 401);

const OPAQUE_HEADERS = [
  ...['x-api-key', 'api-key', 'x-goog-api-key', 'cookie', 'proxy-authorization', 'x-amz-security-token', 'x-portkey-api-key'],
  'x-portkey-virtual-key',
];
const KEY_HEADERS = [
  ...['helicone-auth', 'cf-aig-authorization', 'x-litellm-api-key', 'x-openrouter-key', 'openai-api-key', 'x-glassway-key'],
  ...['x-auth-token', 'x-forwarded-access-token'],
];
const QUERIES = [
  ...['key', 'api_key', 'api-key', 'access_token', 'token', 'sig', 'X-Amz-Signature', 'X-Amz-Security-Token', 'X-Amz-Credential'],
  ...['client_secret', 'q'],
];

export function credentialCalls({ credential }: Planter): Call[] {
  const signature = (where: string) =>
    `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=${credential(where)}`;
  const headers: Record<string, string>[] = [
    ...['Bearer ', 'Basic ', 'Token '].map((scheme) => ({ authorization: `${scheme}${credential(`authorization ${scheme}`)}` })),
    ...OPAQUE_HEADERS.map((name) => ({ [name]: credential(name) })),
    ...KEY_HEADERS.map((name) => ({ [name]: credential(name, 'key') })),
    { authorization: signature('AWS signature') },
  ];
  return [
    ...headers.map((each) => ({ path: CHAT, headers: each, body: HELLO, answer: UNAUTHORIZED })),
    ...QUERIES.map((name) => ({
      path: `/gemini/v1beta/models/gemini-2.5-flash:generateContent?${name}=${encodeURIComponent(credential(`?${name}=`))}`,
      body: HELLO,
      answer: UNAUTHORIZED,
    })),
    ...['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'].map((name) => {
      const key = credential(`${name}, said back`);
      const answer = whole({ error: { type: 'auth', message: `Incorrect API key provided: ${key}`, param: { sent: key } } }, 401);
      return { path: CHAT, headers: { [name]: key }, body: HELLO, answer };
    }),
  ];
}

/** In quotes, bare, as a key, as Python says it, on a second line, in a stream, as a page, as text. */
export function errorCalls({ secret }: Planter): Call[] {
  const quoted = (where: string): string => secret(`error, ${where}`);
  const messages = [
    `Invalid value: '${quoted('in quotes')}'. Supported values are: 'system', 'user'.`,
    `Could not parse: ${quoted('bare')} is not valid`,
    `Incorrect API key provided: ${secret('error, key', 'key')}.`,
    `[{'type': 'string_type', 'loc': ('body', 'messages'), 'input': '${quoted('validation')}'}]`,
    `Invalid JSON payload received. Unexpected token.\n{"contents": "${quoted('second line')}"}`,
  ];
  const answers = [
    ...messages.map((message) => whole({ error: { message, type: 'invalid_request_error', code: null } }, 400)),
    stream('sse', [{ error: { message: `overloaded by ${quoted('in a stream')}`, type: 'server_error' } }]),
    { status: 502, type: 'text/html', chunks: [`<html><title>${quoted('page')}</title></html>`] },
    plain(`crashed at ${quoted('plain text')}`, 500),
    { status: 200, type: 'application/json', chunks: [`{"choices":[{"message":{"content":"${quoted('JSON that breaks off')}"`], cut: true },
  ];
  return answers.map((answer) => ({ path: CHAT, body: HELLO, answer }));
}

/** What is read as the name of something, and is none. */
export function nameCalls({ secret }: Planter): Call[] {
  const names = (where: string, kind: 'email' | 'key') => ({
    id: secret(`${where}, id`, kind),
    model: secret(`${where}, model`, kind),
    service_tier: secret(`${where}, tier`, kind),
    system_fingerprint: secret(`${where}, fingerprint`, kind),
    usage: { prompt_tokens: 1, completion_tokens: 1, note: secret(`${where}, usage`, kind) },
    choices: [{ index: 0, message: { content: 'x' }, finish_reason: secret(`${where}, finish reason`, kind) }],
  });
  return (['email', 'key'] as const).flatMap((kind) => [
    { path: CHAT, body: json({ model: secret('model asked for', kind), messages: [] }), answer: whole(names('names', kind)) },
    {
      path: CHAT,
      body: HELLO,
      answer: whole({ error: { type: secret('error type', kind), code: secret('error code', kind), message: 'no' } }, 400),
    },
    { path: `/gemini/v1beta/models/${secret('model in the path', kind)}:generateContent`, body: '{}', answer: whole({}) },
  ]);
}

export function unknownCalls({ said }: Planter): Call[] {
  return [
    {
      path: '/openai/v1/unknown/thing',
      body: said('unknown endpoint'),
      headers: { 'content-type': 'text/plain' },
      answer: plain(said('unknown answer')),
    },
    { path: `/openai/prompt/${encodeURIComponent(said('path'))}`, body: '', answer: whole({}) },
    {
      method: 'PUT',
      path: '/openai/v1/things',
      body: json([said('unknown JSON')]),
      answer: whole({ nested: { deep: [said('unknown answer')] } }),
    },
  ];
}

/** By a key of Glassway's own, in both its places, to a provider that says back what it was shown. */
export function heldKeyCalls(
  { said, mode }: Planter,
  keys: { readonly own: Readonly<Record<string, string>>; readonly held: string },
): Call[] {
  const own = keys.own[mode] ?? '';
  const path = '/groq/openai/v1/chat/completions';
  const body = json({ model: 'llama-3.3-70b', messages: [{ role: 'user', content: said('held key') }] });
  const refused = whole({ error: { message: `Incorrect API key provided: ${keys.held}. You sent ${keys.held}.`, type: 'auth' } }, 401);
  const answered = whole({ choices: [{ message: { content: `Your key is ${keys.held}` } }] });
  return [refused, answered].flatMap((answer) => [
    { path, headers: { 'x-glassway-key': own }, body, answer },
    { path, headers: { authorization: `Bearer ${own}` }, body, answer },
  ]);
}

/** What a realtime provider says when it is spoken to, read or not. */
export function realtimeEvents({ secret }: Planter): unknown[] {
  const quoted = { type: 'invalid_request_error', message: `Invalid value: '${secret('realtime, error')}'` };
  return [
    { type: 'session.created', session: { id: 's', model: 'gpt-realtime', instructions: secret('realtime, instructions') } },
    { type: 'response.created', response: { id: 'r', status: 'in_progress' } },
    { type: 'response.output_text.delta', response_id: 'r', delta: secret('realtime, delta') },
    {
      type: 'response.done',
      response: {
        id: 'r',
        status: 'failed',
        status_details: { error: quoted },
        output: [{ content: [{ text: secret('realtime, output') }] }],
      },
    },
    { type: 'the end' },
  ];
}
