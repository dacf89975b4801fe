import { GatewayError } from '../../../contract/errors.ts';
import { DIALECTS } from '../../../proxy/providers/index.ts';
import type { Upstream } from '../../../proxy/providers/provider.ts';
import { createRouter } from '../../../proxy/route.ts';

const dialect = DIALECTS['openai'] as Upstream['dialect'];
const upstream = (name: string, baseUrl: string, rest: Partial<Upstream> = {}): [string, Upstream] => [
  name,
  { name, baseUrl, dialect, provider: name, ...rest },
];
const TABLE = new Map([
  upstream('openai', 'https://api.openai.com'),
  upstream('anthropic', 'https://api.anthropic.com'),
  upstream('gemini', 'https://generativelanguage.googleapis.com'),
  upstream('bedrock', 'https://bedrock-runtime.{region}.amazonaws.com'),
  upstream('vertex', 'https://{location}-aiplatform.googleapis.com', { exceptions: { global: 'https://aiplatform.googleapis.com' } }),
  upstream('deep', 'http://10.0.0.5:8000/base/{tenant}/{stage}'),
]);
const route = createRouter(TABLE, 'openai');
const go = (target: string, headers: readonly string[] = []) => {
  const { upstream: found, origin, target: sent, path, endpointPath, query } = route(target, headers);
  return { name: found.name, origin, target: sent, path, endpointPath, query };
};
const errorOf = (target: string): GatewayError => {
  try {
    route(target, []);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error(`${target} was routed`);
};

test('a prefix names the upstream, and what follows is the provider’s path', () => {
  expect(go('/openai/v1/chat/completions?a=b')).toEqual({
    name: 'openai',
    origin: 'https://api.openai.com',
    target: '/v1/chat/completions?a=b',
    path: '/v1/chat/completions',
    endpointPath: '/v1/chat/completions',
    query: 'a=b',
  });
});

test.each([
  ['/openai/v1/x?', '/v1/x?'],
  ['/openai/v1/x??a', '/v1/x??a'],
  ['/openai//v1//x', '//v1//x'],
  ['/openai/v1/%2e%2e/%zz/../.', '/v1/%2e%2e/%zz/../.'],
  ['/openai', '/'],
  ['/openai/', '/'],
  ['/openai?a=1', '/?a=1'],
  ['http://other.example/openai/v1/x?y', '/v1/x?y'],
  ['HTTPS://other.example:8/openai/v1/x', '/v1/x'],
])('%s keeps every byte as %s', (sent, target) => {
  expect(go(sent).target).toBe(target);
});

test.each([
  ['/v1/messages', 'anthropic'],
  ['/v1/messages/count_tokens', 'anthropic'],
  ['/v1beta/models/gemini-2.0-flash:generateContent', 'gemini'],
  ['/v1/chat/completions', 'openai'],
  ['/v1/messages-of-my-own', 'openai'],
])('%s without a prefix goes to %s by its shape, whole', (path, name) => {
  expect(go(path)).toMatchObject({ name, target: path, endpointPath: path });
});

test('placeholders take path segments, in order, before the provider’s path', () => {
  expect(go('/deep/acme/prod/v1/x?q')).toMatchObject({
    origin: 'http://10.0.0.5:8000',
    target: '/base/acme/prod/v1/x?q',
    path: '/base/acme/prod/v1/x',
    endpointPath: '/v1/x',
  });
  expect(go('/bedrock/eu-west-1/model/m/converse')).toMatchObject({
    origin: 'https://bedrock-runtime.eu-west-1.amazonaws.com',
    target: '/model/m/converse',
  });
});

test('a value whose host does not fit the pattern has its own', () => {
  expect(go('/vertex/global/v1/x').origin).toBe('https://aiplatform.googleapis.com');
  expect(go('/vertex/europe-west4/v1/x').origin).toBe('https://europe-west4-aiplatform.googleapis.com');
  expect(go('/vertex/constructor/v1/x').origin).toBe('https://constructor-aiplatform.googleapis.com');
});

test.each(['evil.example', 'a@evil', 'evil:80', '%2e', 'a%2fb', '..', '', 'a#b', 'a\\b', 'ü', '{region}'])(
  'placeholder value «%s» cannot name a host',
  (value) => {
    const error = errorOf(`/bedrock/${value}/model/m/converse`);
    expect(error.code).toBe('invalid_upstream_path');
    expect(error.message).toContain('/bedrock/{region}/…');
  },
);

test('AWS’s region without a prefix comes from the signature’s scope', () => {
  const headers = ['Authorization', 'AWS4-HMAC-SHA256 Credential=AKIA/20260101/ap-south-1/bedrock/aws4_request, SignedHeaders=host'];
  expect(go('/model/anthropic.claude/converse-stream', headers).origin).toBe('https://bedrock-runtime.ap-south-1.amazonaws.com');
});

test.each(['/opnai/v1/x', '/', '', '*', '/OpenAI/v1/x', '/v1', '/constructor/x', '//openai/v1', 'http://host.example'])(
  '%s has no upstream: a 404 that lists the known ones',
  (target) => {
    const error = errorOf(target);
    expect(error).toMatchObject({ code: 'unknown_upstream', status: 404 });
    for (const name of TABLE.keys()) expect(error.message).toContain(name);
  },
);
