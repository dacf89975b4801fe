/** What a request asks for besides its text, and what an answer says of itself, in every wire format. */
import { UPSTREAMS } from '../../proxy/providers/index.ts';
import { extractCall } from './kit.ts';

type Case = readonly [
  upstream: string,
  path: string,
  request: unknown,
  numbers: Readonly<Record<string, number>>,
  words: Readonly<Record<string, string>>,
];

const CASES: readonly Case[] = [
  [
    'openai',
    '/v1/chat/completions',
    {
      model: 'm',
      messages: [{ role: 'user', content: 'temperature: 9' }],
      temperature: 0,
      top_p: 0.9,
      max_completion_tokens: 12,
      max_tokens: 99,
      seed: -7,
      frequency_penalty: -0.5,
      presence_penalty: 0.25,
      n: 2,
      service_tier: 'flex',
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 'secret plan' } },
      stop: ['a sentence that is content'],
    },
    { temperature: 0, top_p: 0.9, max_tokens: 12, seed: -7, frequency_penalty: -0.5, presence_penalty: 0.25, choice_count: 2 },
    { output_type: 'json', service_tier: 'flex', reasoning_level: 'low' },
  ],
  [
    'openai',
    '/v1/responses',
    { model: 'm', input: 'x', max_output_tokens: 5, text: { format: { type: 'text' } }, reasoning: { effort: 'high' } },
    { max_tokens: 5 },
    { output_type: 'text', reasoning_level: 'high' },
  ],
  [
    'openai',
    '/v1/embeddings',
    { model: 'm', input: 'x', dimensions: 256, encoding_format: 'base64' },
    { dimensions: 256 },
    { encoding_formats: 'base64' },
  ],
  ['openai', '/v1/images/generations', { model: 'm', prompt: 'x', n: 3 }, { choice_count: 3 }, { output_type: 'image' }],
  ['openai', '/v1/audio/speech', { model: 'm', input: 'x' }, {}, { output_type: 'speech' }],
  [
    'anthropic',
    '/v1/messages',
    { model: 'm', messages: [], max_tokens: 64, temperature: 1, top_k: 40, service_tier: 'standard_only', stop_sequences: ['END'] },
    { max_tokens: 64, temperature: 1, top_k: 40 },
    { service_tier: 'standard_only' },
  ],
  [
    'gemini',
    '/v1beta/models/g:generateContent',
    {
      contents: [],
      generationConfig: {
        topP: 0.5,
        topK: 3,
        maxOutputTokens: 7,
        candidateCount: 2,
        responseMimeType: 'application/json',
        thinkingConfig: { thinkingLevel: 'HIGH' },
      },
    },
    { top_p: 0.5, top_k: 3, max_tokens: 7, choice_count: 2 },
    { output_type: 'json', reasoning_level: 'HIGH' },
  ],
  ['vertex', '/v1/models/g:generateContent', { generation_config: { top_p: 0.25, seed: 4 } }, { top_p: 0.25, seed: 4 }, {}],
  [
    'bedrock',
    '/model/m/converse',
    {
      messages: [],
      inferenceConfig: { maxTokens: 5, temperature: 0.5, topP: 0.25, stopSequences: ['x'] },
      serviceTier: { type: 'priority' },
    },
    { max_tokens: 5, temperature: 0.5, top_p: 0.25 },
    { service_tier: 'priority' },
  ],
  ['bedrock', '/model/meta.llama/invoke', { prompt: 'x', max_gen_len: 9, top_p: 0.5 }, { max_tokens: 9, top_p: 0.5 }, {}],
  ['bedrock', '/model/amazon.titan/invoke', { inputText: 'x', textGenerationConfig: { maxTokenCount: 9 } }, { max_tokens: 9 }, {}],
  ['cohere', '/v2/chat', { model: 'm', messages: [], p: 0.75, k: 5, seed: 1 }, { top_p: 0.75, top_k: 5, seed: 1 }, {}],
  ['cohere', '/v2/embed', { model: 'm', texts: ['x'], embedding_types: ['float', 'int8'] }, {}, { encoding_formats: 'float,int8' }],
  [
    'ollama',
    '/api/chat',
    { model: 'm', messages: [], format: 'json', options: { num_predict: 3, top_k: 2 } },
    { max_tokens: 3, top_k: 2 },
    { output_type: 'json' },
  ],
  [
    'lmstudio',
    '/api/v1/chat',
    { model: 'm', input: 'x', max_output_tokens: 3, reasoning: 'off' },
    { max_tokens: 3 },
    { reasoning_level: 'off' },
  ],
  // What is no enumeration's value is not kept: a caller could write anything there.
  ['openai', '/v1/chat/completions', { service_tier: 'my password is swordfish', temperature: '1', seed: null, n: { a: 1 } }, {}, {}],
  ['openai', '/v1/embeddings', { encoding_format: Array(9).fill('float') }, {}, {}],
  ['openai', '/v1/chat/completions', 'no object', {}, {}],
];

const read = async (upstream: string, path: string, request: unknown, response: unknown = {}) => {
  const found = UPSTREAMS[upstream];
  if (!found) throw new Error(`no upstream ${upstream}`);
  const call = { upstream: found, path, request: Buffer.from(JSON.stringify(request)), responseType: 'application/json' };
  return (await extractCall({ ...call, response: Buffer.from(JSON.stringify(response)) })).facts;
};

test.each(CASES)('%s %s: what %j asks for', async (upstream, path, request, numbers, words) => {
  expect((await read(upstream, path, request)).request.parameters).toEqual({ numbers, words });
});

test('parameters of a request that is too long to be held whole', async () => {
  const request = { messages: [{ role: 'user', content: 'word '.repeat(100_000) }], temperature: 0.5, n: 2 };
  expect((await read('openai', '/v1/chat/completions', request)).request.parameters.numbers).toEqual({ temperature: 0.5, choice_count: 2 });
});

test.each([
  ['openai', '/v1/chat/completions', { id: 'chatcmpl-1', system_fingerprint: 'fp_1' }, 'chatcmpl-1', 'fp_1'],
  ['openai', '/v1/responses', { id: 'resp_1' }, 'resp_1', ''],
  ['anthropic', '/v1/messages', { id: 'msg_1' }, 'msg_1', ''],
  ['gemini', '/v1beta/models/g:generateContent', { responseId: 'abc' }, 'abc', ''],
  ['gemini', '/v1beta/interactions', { id: 'int_1' }, 'int_1', ''],
  ['cohere', '/v2/chat', { id: 'c1' }, 'c1', ''],
  ['cohere', '/v1/chat', { response_id: 'r1', generation_id: 'g1' }, 'r1', ''],
  ['lmstudio', '/api/v1/chat', { response_id: 'l1' }, 'l1', ''],
  ['openai', '/v1/chat/completions', { id: 'x'.repeat(1_000) }, 'x'.repeat(256), ''],
])('%s %s: the answer %j has its id', async (upstream, path, answer, id, fingerprint) => {
  expect((await read(upstream, path, {}, answer)).reading).toMatchObject({ id, fingerprint });
});
