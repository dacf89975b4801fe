import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import { GATEWAY_ERRORS, GatewayError, type GatewayErrorCode } from '../../contract/errors.ts';
import { cleanMessage, ERROR_MESSAGE_BYTES_MAX, findEndpoint } from '../../proxy/extract.ts';
import { keptUsage } from '../../proxy/kept-name.ts';
import { DIALECTS, UPSTREAMS } from '../../proxy/providers/index.ts';
import type { Upstream } from '../../proxy/providers/provider.ts';
import { sse } from '../fixtures/providers/fixture.ts';
import { extractCall } from './kit.ts';

function upstream(name: string): Upstream {
  const found = UPSTREAMS[name];
  if (!found) throw new Error(`no upstream ${name}`);
  return found;
}

const openai = upstream('openai');
const CHAT = { upstream: openai, path: '/v1/chat/completions', responseType: 'application/json' } as const;
const ANSWER = Buffer.from(
  JSON.stringify({ model: 'm-1', choices: [{ finish_reason: 'stop' }], usage: { prompt_tokens: 4, completion_tokens: 2 } }),
);

describe('requests', () => {
  test.each([
    ['gzip', zlib.gzipSync],
    ['zstd', zlib.zstdCompressSync],
  ])('compressed with %s are read', async (requestEncoding, encode) => {
    const request = encode(Buffer.from('{"model":"m","stream":true}'));
    const { facts } = await extractCall({ ...CHAT, request, requestEncoding, response: ANSWER });
    expect(facts.request).toMatchObject({ model: 'm', stream: true });
  });

  test('of many megabytes are read to their last field', async () => {
    const image = `data:image/png;base64,${'A'.repeat(20 * 1024 * 1024)}`;
    const request = Buffer.from(
      JSON.stringify({ messages: [{ role: 'user', content: [{ image_url: { url: image } }] }], stream: true, model: 'm' }),
    );
    const { facts, synchronous } = await extractCall({ ...CHAT, request, response: ANSWER, pieceBytes: 65_536 });
    expect({ ...facts.request, synchronous }).toMatchObject({ model: 'm', stream: true, synchronous: true });
  });

  test('over the limit are left unread and marked', async () => {
    const request = Buffer.from(JSON.stringify({ text: 'x'.repeat(5000), model: 'm' }));
    const { facts } = await extractCall({ ...CHAT, request, response: ANSWER, bodyBytesMax: 1000 });
    expect(facts.request.model).toBe('');
    expect(facts.limited).toEqual(['request_too_large']);
    expect(facts.reading.usage?.input_tokens).toBe(4);
  });

  test('with duplicate keys, odd spacing and huge numbers are read as JSON.parse reads them', async () => {
    const request = Buffer.from('\r\n{ "model" : "first",\n"model":"last","n":123456789012345678901234567890, "stream" :true }\t');
    expect((await extractCall({ ...CHAT, request, response: ANSWER })).facts.request).toMatchObject({ model: 'last', stream: true });
  });

  test('that are no JSON, or none at all, name no model', async () => {
    for (const request of ['', '{"model":', '[]', '"m"', 'null', '\0\0', '{"model":7,"stream":"yes"}']) {
      const { facts } = await extractCall({ ...CHAT, request: Buffer.from(request), response: ANSWER });
      expect(facts.request).toEqual({ model: '', stream: false, parameters: { numbers: {}, words: {} } });
      expect(facts.limited).toEqual([]);
    }
  });

  test('as forms name their model', async () => {
    const boundary = 'x1';
    const part = (disposition: string, value: string): string =>
      `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;
    const file = randomBytes(200_000).toString('latin1');
    const request = Buffer.from(
      `${part('name="file"; filename="a.mp3"', file)}${part('name="model"', 'whisper-1')}${part('name="stream"', 'true')}--${boundary}--\r\n`,
      'latin1',
    );
    const { facts, operation } = await extractCall({
      ...CHAT,
      path: '/v1/audio/transcriptions',
      request,
      requestType: `multipart/form-data; boundary=${boundary}`,
      response: Buffer.from('{"text":"hi","usage":{"type":"duration","seconds":3}}'),
      pieceBytes: 10_000,
    });
    expect({ ...facts.request, operation, usage: facts.reading.usage }).toMatchObject({
      model: 'whisper-1',
      stream: true,
      operation: 'transcription',
      usage: null,
    });
  });
});

describe('responses', () => {
  test('that are a stream are read as one, whatever was asked and however it is called', async () => {
    const response = Buffer.from(sse({ model: 'm-1', choices: [{ delta: { content: 'a' } }] }, '[DONE]'));
    for (const responseType of ['text/event-stream', 'TEXT/EVENT-STREAM;charset=utf-8', '', 'text/plain', 'application/octet-stream']) {
      const { facts, content } = await extractCall({ ...CHAT, responseType, response, pieceBytes: 3 });
      expect({ streamed: facts.streamed, ended: facts.reading.ended, content }).toEqual({
        streamed: true,
        ended: true,
        content: ['answer'],
      });
    }
  });

  test('in JSON without its content type are read', async () => {
    for (const responseType of ['', 'text/plain', 'application/problem+json', 'binary/octet-stream']) {
      const { facts } = await extractCall({ ...CHAT, responseType, response: ANSWER, pieceBytes: 2 });
      expect(facts.reading).toMatchObject({ model: 'm-1', finish_reason: 'stop', usage: { input_tokens: 4, output_tokens: 2 } });
    }
  });

  test('under the wrong content type are told by their first byte', async () => {
    const events = Buffer.from(sse({ model: 'm-1', choices: [{ delta: { content: 'a' } }] }, '[DONE]'));
    const { facts } = await extractCall({ ...CHAT, response: events, pieceBytes: 1 });
    expect(facts).toMatchObject({ streamed: true, reading: { model: 'm-1', ended: true } });
    const json = await extractCall({ ...CHAT, responseType: 'text/event-stream', response: ANSWER, pieceBytes: 1 });
    expect(json.facts).toMatchObject({ streamed: false, reading: { model: 'm-1', ended: true } });
    const error = await extractCall({
      ...CHAT,
      responseType: 'text/event-stream',
      status: 429,
      response: Buffer.from('{"error":{"message":"slow","code":"limit"}}'),
    });
    expect(error.facts).toMatchObject({ error: { type: 'limit', message: 'slow' }, reading: { error: null } });
    const eventError = await extractCall({
      ...CHAT,
      responseType: 'text/event-stream',
      status: 500,
      response: Buffer.from('data: {"error":{"message":"broke","code":"x"}}\n\n'),
    });
    expect(eventError.facts.error).toEqual({ type: 'x', message: 'broke' });
  });

  test('whose usage object is absurdly large keep its counts only', async () => {
    const usage = { prompt_tokens: 4, completion_tokens: 2, filler: 'x'.repeat(20_000) };
    const { facts } = await extractCall({ ...CHAT, response: Buffer.from(JSON.stringify({ model: 'm'.repeat(2000), usage })) });
    expect(JSON.parse(keptUsage(facts.reading.usage_raw, facts.reading.usage))).toEqual(facts.reading.usage);
    expect(facts.reading.model).toHaveLength(512);
  });

  test('whose reading fails on our side cost the details, not the call', async () => {
    const { createExtraction } = await import('../../proxy/extract.ts');
    const found = findEndpoint(openai, 'POST', '/v1/chat/completions');
    const onContent = (): never => {
      throw new Error('broken');
    };
    for (const encode of [undefined, zlib.gzipSync]) {
      const extraction = createExtraction({
        endpoint: found?.endpoint,
        match: found?.match ?? null,
        dialect: openai.dialect,
        query: '',
        bodyBytesMax: 1e6,
        onContent,
      });
      const events = Buffer.from(sse({ choices: [{ delta: { content: 'a' } }] }, '[DONE]'));
      extraction.responseHeaders(200, 'text/event-stream', encode ? 'gzip' : '');
      extraction.responseData(encode ? encode(events) : events);
      const limited = await new Promise((resolve) => extraction.responseEnd(true, (facts) => resolve(facts.limited)));
      expect(limited).toEqual(['extraction_failed']);
    }
  });

  test('with sound or pictures are let be', async () => {
    const { facts, operation } = await extractCall({
      ...CHAT,
      path: '/v1/audio/speech',
      request: Buffer.from('{"model":"tts"}'),
      responseType: 'audio/mpeg',
      response: randomBytes(5000),
    });
    expect({ operation, ...facts }).toMatchObject({
      operation: 'speech',
      request: { model: 'tts' },
      reading: { usage: null },
      error: null,
      limited: [],
    });
  });

  test('of many megabytes are read to their last field', async () => {
    const vector = JSON.stringify(Array.from({ length: 3072 }, (_value, index) => index / 3));
    const data = Array.from({ length: 300 }, () => `{"object":"embedding","embedding":${vector}}`).join(',');
    const response = Buffer.from(`{"object":"list","data":[${data}],"model":"m-1","usage":{"prompt_tokens":7,"total_tokens":7}}`);
    const { facts, synchronous } = await extractCall({ ...CHAT, path: '/v1/embeddings', response, pieceBytes: 65_536 });
    expect(facts.reading).toMatchObject({ model: 'm-1', usage: { input_tokens: 7, output_tokens: 0 } });
    expect(synchronous).toBe(true);
    const coded = await extractCall({
      ...CHAT,
      path: '/v1/embeddings',
      responseEncoding: 'gzip',
      response: zlib.gzipSync(response),
      pieceBytes: 65_536,
    });
    expect(coded.facts.reading).toMatchObject({ model: 'm-1', usage: { input_tokens: 7 } });
  });

  test('over the limit are marked, and what a stream said before counts', async () => {
    const response = Buffer.from(sse({ model: 'm-1', choices: [{ delta: { content: 'a' } }] }, { model: 'm-1', filler: 'x'.repeat(3000) }));
    const { facts } = await extractCall({ ...CHAT, responseType: 'text/event-stream', response, bodyBytesMax: 1000 });
    expect(facts).toMatchObject({ reading: { model: 'm-1', ended: false }, limited: ['response_too_large'], contentSeen: true });
  });

  test('in an unknown coding are marked unread', async () => {
    const { facts } = await extractCall({ ...CHAT, response: ANSWER, responseEncoding: 'snappy' });
    expect(facts).toMatchObject({ reading: { usage: null, ended: false }, limited: ['response_unknown_encoding'] });
  });

  test('that begin a large picture inside an event still give their usage', async () => {
    const events = sse(
      { type: 'image_generation.partial_image', b64_json: 'A'.repeat(300_000) },
      { type: 'image_generation.completed', b64_json: 'A'.repeat(300_000), usage: { input_tokens: 5, output_tokens: 90 } },
    );
    const { facts, content } = await extractCall({
      ...CHAT,
      path: '/v1/images/generations',
      responseType: 'text/event-stream',
      response: Buffer.from(events),
      pieceBytes: 16_384,
    });
    expect(facts.reading).toMatchObject({ usage: { input_tokens: 5, output_tokens: 90 }, ended: true });
    expect(content).toEqual(['answer']);
  });

  test('end before their request does: the facts still come, once', async () => {
    const { createExtraction } = await import('../../proxy/extract.ts');
    const found = findEndpoint(openai, 'POST', '/v1/chat/completions');
    const extraction = createExtraction({
      endpoint: found?.endpoint,
      match: found?.match ?? null,
      dialect: openai.dialect,
      query: '',
      bodyBytesMax: 1e6,
    });
    let calls = 0;
    extraction.requestHeaders('application/json', '');
    extraction.requestData(Buffer.from('{"model":"m"'));
    extraction.responseHeaders(413, 'application/json', '');
    extraction.responseData(Buffer.from('{"error":{"message":"too large","code":"too_large"}}'));
    extraction.responseEnd(true, (facts) => {
      calls += 1;
      expect(facts.error).toEqual({ type: 'too_large', message: 'too large' });
    });
    extraction.requestData(Buffer.from('}'));
    extraction.requestEnd();
    expect(calls).toBe(1);
  });

  test.each([
    ['as the answer counts them', { tool_usage: { web_search: { num_requests: 2 } }, output: [] }, { web_search: { num_requests: 2 } }],
    [
      'by its items where it does not: searches, not pages opened',
      {
        output: [
          { type: 'web_search_call', action: { type: 'search' } },
          { type: 'web_search_call', action: { type: 'open_page' } },
          { type: 'web_search_call' },
          { type: 'message' },
        ],
      },
      { web_search: { num_requests: 2 } },
    ],
    ['and not where there were none', { tool_usage: { web_search: { num_requests: 0 } }, output: [] }, undefined],
  ])('say how often a hosted tool searched, %s', async (_how, fields, toolUsage) => {
    const body = { model: 'm-1', status: 'completed', usage: { input_tokens: 4, output_tokens: 2 }, ...fields };
    const plain = await extractCall({ ...CHAT, path: '/v1/responses', response: Buffer.from(JSON.stringify(body)) });
    const events = Buffer.from(
      sse({ type: 'response.created', response: { model: 'm-1' } }, { type: 'response.completed', response: body }),
    );
    const streamed = await extractCall({ ...CHAT, path: '/v1/responses', responseType: 'text/event-stream', response: events });
    const expected = { input_tokens: 4, output_tokens: 2, ...(toolUsage === undefined ? {} : { tool_usage: toolUsage }) };
    expect([plain.facts.reading.usage_raw, streamed.facts.reading.usage_raw]).toEqual([expected, expected]);
  });

  test('of calls that fit no endpoint give their errors and nothing else', async () => {
    const call = {
      ...CHAT,
      method: 'DELETE',
      path: '/v1/files/f',
      status: 404,
      response: Buffer.from('{"error":{"message":"no such file","code":"not_found"}}'),
    };
    const { facts, operation } = await extractCall(call);
    expect({ operation, error: facts.error }).toEqual({ operation: 'other', error: { type: 'not_found', message: 'no such file' } });
  });
});

describe('upstreams', () => {
  test.each(
    [
      ['openai', 'POST', '/v1/responses/compact', 'compaction'],
      ['openai', 'POST', '/v1/responses/input_tokens', 'count_tokens'],
      ['openai', 'POST', '/v1/moderations', 'moderation'],
      ['openai', 'POST', '/v1/threads/t/runs', 'invoke_agent'],
      ['openai', 'POST', '/v1/threads/t/messages', 'other'],
      ['openai', 'GET', '/v1/files', undefined],
      ['azure', 'POST', '/openai/deployments/d/embeddings', 'embeddings'],
      ['azure', 'POST', '/openai/v1/responses', 'chat'],
      ['deepseek', 'POST', '/responses', 'chat'],
      ['openrouter', 'POST', '/api/v1/messages', 'chat'],
      ['huggingface', 'POST', '/together/v1/chat/completions', 'chat'],
      ['zai', 'POST', '/api/paas/v4/chat/completions', 'chat'],
      ['snowflake', 'POST', '/api/v2/cortex/v1/chat/completions', 'chat'],
      ['mistral', 'POST', '/v1/fim/completions', 'text_completion'],
      ['mistral', 'POST', '/v1/conversations', 'chat'],
      ['voyage', 'POST', '/v1/rerank', 'rerank'],
      ['anthropic', 'POST', '/v1/messages/batches', 'batch'],
      ['anthropic', 'POST', '/v1/complete', 'text_completion'],
      ['anthropic', 'POST', '/v1/chat/completions', 'chat'],
      ['gemini', 'POST', '/v1beta/models/m:batchEmbedContents', 'embeddings'],
      ['gemini', 'POST', '/v1beta/models/m:countTokens', 'count_tokens'],
      ['gemini', 'POST', '/v1beta/openai/embeddings', 'embeddings'],
      ['vertex', 'POST', '/v1/projects/p/locations/l/publishers/google/models/imagen-4:predict', 'image_generation'],
      ['vertex', 'POST', '/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict', 'count_tokens'],
      ['vertex', 'POST', '/v1/projects/p/locations/l/endpoints/openapi/chat/completions', 'chat'],
      ['bedrock', 'POST', '/model/cohere.embed-v4%3A0/invoke', 'embeddings'],
      ['bedrock', 'POST', '/model/amazon.nova-canvas-v1%3A0/invoke', 'image_generation'],
      ['bedrock', 'POST', '/model/cohere.rerank-v3-5%3A0/invoke', 'rerank'],
      ['bedrock', 'POST', '/openai/v1/chat/completions', 'chat'],
      ['bedrock-mantle', 'POST', '/v1/responses', 'chat'],
      ['bedrock-mantle', 'POST', '/anthropic/v1/messages', 'chat'],
      ['cohere', 'POST', '/compatibility/v1/chat/completions', 'chat'],
      ['cohere', 'POST', '/v1/generate', 'text_completion'],
      ['ollama', 'POST', '/v1/chat/completions', 'chat'],
    ].map(([name, method, path, operation]) => [name ?? '', method ?? '', path ?? '', operation] as const),
  )('%s: %s %s is %s', (name, method, path, operation) => {
    expect(findEndpoint(upstream(name), method, path)?.endpoint.operation).toBe(operation);
  });

  test('paths of any length are matched at once', () => {
    const paths = [
      '/model/'.repeat(9000),
      `/v1${'1'.repeat(60_000)}`,
      `/model/${'embed'.repeat(12_000)}/invok`,
      `/models/${'embedding'.repeat(6000)}:`,
      '/deployments/'.repeat(5000),
    ];
    for (const { dialect } of Object.values(UPSTREAMS))
      for (const path of paths) for (const { path: pattern } of dialect.endpoints) pattern.exec(path);
  });

  test('have names and base URLs that routing can use', () => {
    for (const [name, { baseUrl, exceptions = {} }] of Object.entries(UPSTREAMS)) {
      expect(name).toMatch(/^[a-z0-9][a-z0-9-]*$/);
      for (const url of [baseUrl.replace(/\{[a-z]+\}/g, 'x'), ...Object.values(exceptions)])
        expect(new URL(url).href).toMatch(/[^/]$|\/\/[^/]+\/$/);
    }
  });

  test('every dialect words every gateway error so that its own reader understands it', () => {
    for (const dialect of Object.values(DIALECTS))
      for (const code of Object.keys(GATEWAY_ERRORS) as GatewayErrorCode[]) {
        const error = new GatewayError(code, 'Known: a, b.');
        const body: unknown = JSON.parse(JSON.stringify(dialect.errorBody(error)));
        expect(JSON.stringify(body)).toContain(`"type":"glassway_${code}"`);
        expect(dialect.error(body)?.message).toBe(error.message);
      }
  });
});

describe('error messages', () => {
  test.each([
    [
      'Incorrect API key provided: sk-abc***def. Find yours at https://example.com.',
      'Incorrect API key provided: [redacted]. Find yours at https://example.com.',
    ],
    ['key sk-ant-api03-AbCdEf0123456789-xyz is wrong', 'key [redacted] is wrong'],
    ['sk-proj-************************************cdef!', '[redacted]!'],
    ['got Authorization: Bearer abc.def-123', 'got Authorization: Bearer [redacted]'],
    ['AIzaSyA1234567890abcdefghijklmnopqrstuv', '[redacted]'],
    ['xai-0123456789abcdefghij and gsk_0123456789abcdefghij', '[redacted] and [redacted]'],
    ['AKIAIOSFODNN7EXAMPLE', '[redacted]'],
    ['api-key=0123456789abcdef0123456789abcdef', 'api-key=[redacted]'],
    ['?key=Zx81-kk_2abcdefgh&alt=sse', '?key=[redacted]&alt=sse'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', '[redacted]'],
    [
      'The model `gpt-4o-mini-2024-07-18` does not exist; use scikit sk-learn, task-force.',
      'The model `gpt-4o-mini-2024-07-18` does not exist; use scikit sk-learn, task-force.',
    ],
    ['This key: messages[0].role is missing. Unknown token: something', 'This key: messages[0].role is missing. Unknown token: something'],
  ])('%s loses its secrets and nothing else', (text, wanted) => expect(cleanMessage(text)).toBe(wanted));

  test('are cut at the limit between characters', () => {
    const cut = cleanMessage('世界 '.repeat(5000));
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(ERROR_MESSAGE_BYTES_MAX);
    expect(Buffer.byteLength(cut)).toBeGreaterThan(ERROR_MESSAGE_BYTES_MAX - 4);
    expect(cut).not.toContain('\ufffd');
  });
});
