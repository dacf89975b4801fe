/** Projects with `usage: inject`: the provider is asked for the usage, and the client sees what it would have seen. */
import { request } from 'node:http';
import { brotliCompressSync, constants, createGzip, gunzipSync, gzipSync } from 'node:zlib';
import { askForUsage } from '../../../proxy/inject/ask-usage.ts';
import { UsageStripper } from '../../../proxy/inject/strip-usage.ts';
import { startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { type HttpUpstream, startUpstream } from '../../kit/upstream.ts';

const PROJECTS = { projects: { asking: { usage: 'inject' } } };
const question = { model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: 'What is the capital of France?' }] };

let upstream: HttpUpstream | undefined;
let proxy: TestProxy | undefined;
afterEach(async () => {
  await proxy?.close();
  await upstream?.close();
  proxy = upstream = undefined;
});

const event = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const chunk = (content: string) => ({ id: 'c', model: 'gpt-4o', choices: [{ index: 0, delta: { content }, finish_reason: null }] });
/** As the provider streams it unasked, and what it adds when asked. */
const UNASKED = [event(chunk('Paris "usage": null')), event({ ...chunk(' is'), obfuscation: 'x' }), event('[DONE]')];
const ASKED = [
  event({ ...chunk('Paris "usage": null'), usage: null }),
  event({ ...chunk(' is'), usage: null, obfuscation: 'x' }),
  event({ id: 'c', model: 'gpt-4o', choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } }),
  event('[DONE]'),
];

async function serve(
  code: (bytes: Buffer) => Buffer = (bytes) => bytes,
  encoding = '',
): Promise<{ upstream: HttpUpstream; proxy: TestProxy }> {
  upstream = await startUpstream((res, seen) => {
    const asked = JSON.parse(seen.body.toString('utf8')).stream_options?.include_usage === true;
    res.writeHead(200, { 'content-type': 'text/event-stream', ...(encoding && { 'content-encoding': encoding }) });
    const bytes = code(Buffer.from((asked ? ASKED : UNASKED).join('')));
    for (let at = 0; at < bytes.length; at += 17) res.write(bytes.subarray(at, at + 17));
    res.end();
  });
  proxy = await startTestProxy({ openai: upstream.origin, mistral: upstream.origin }, PROJECTS);
  return { upstream, proxy };
}

const call = (headers: Record<string, string> = {}, body: string = JSON.stringify(question), upstreamName = 'openai') =>
  fetch(`${proxy?.origin}/${upstreamName}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'accept-encoding': 'identity', 'x-glassway-project': 'asking', ...headers },
    body,
  });

test('the client sees byte for byte what it sees without, and the row has the usage of the provider', async () => {
  const { proxy, upstream } = await serve();
  expect(await (await call()).text()).toBe(UNASKED.join(''));
  expect(await proxy.record()).toMatchObject({ usage_source: 'provider', input_tokens: 5, output_tokens: 2, outcome: 'ok' });
  const [seen] = upstream.requests;
  expect(seen?.body.toString('utf8')).toBe(`${JSON.stringify(question).slice(0, -1)},"stream_options":{"include_usage":true}}`);
  const at = seen?.rawHeaders.findIndex((name) => name.toLowerCase() === 'content-length') ?? -1;
  expect(seen?.rawHeaders[at + 1]).toBe(String(seen?.body.length));
});

test.each([
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
] as const)('a stream in %s is decoded, stripped and coded again: the client decodes the same bytes', async (encoding, code) => {
  const { proxy } = await serve((bytes) => code(bytes), encoding);
  const answer = await call({ 'accept-encoding': encoding });
  expect(answer.headers.get('content-encoding')).toBe(encoding);
  expect(await answer.text()).toBe(UNASKED.join(''));
  expect(await proxy.record()).toMatchObject({ usage_source: 'provider', output_tokens: 2 });
});

test('a coded stream goes on piece by piece, and what came before a break reaches the client', async () => {
  let cutOff = (): void => {};
  upstream = await startUpstream((res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.pipe(res);
    gzip.write(ASKED[0]);
    cutOff = () => res.destroy();
  });
  proxy = await startTestProxy({ openai: upstream.origin }, PROJECTS);
  const received: Buffer[] = [];
  const ended = new Promise<string>((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'accept-encoding': 'gzip', 'x-glassway-project': 'asking' };
    const req = request(`${proxy?.origin}/openai/v1/chat/completions`, { method: 'POST', headers }, (res) => {
      res.on('data', (piece: Buffer) => {
        received.push(piece);
        // The provider stays silent until the first event is here.
        if (Buffer.concat(received).length > 20) cutOff();
      });
      res.on('end', () => resolve('end'));
      res.on('error', () => resolve('broken'));
    });
    req.on('error', reject);
    req.end(JSON.stringify(question));
  });
  expect(await ended).toBe('broken');
  expect(gunzipSync(Buffer.concat(received), { finishFlush: constants.Z_SYNC_FLUSH }).toString('utf8')).toBe(UNASKED[0]);
  expect(await proxy.record()).toMatchObject({ outcome: 'stream_truncated', usage_source: 'estimated' });
});

test.each([
  ['another project', { 'x-glassway-project': 'other' }, question, 'openai'],
  ['a caller that asks itself', {}, { ...question, stream_options: { include_usage: true } }, 'openai'],
  ['a caller that says no', {}, { ...question, stream_options: { include_usage: false } }, 'openai'],
  ['a call that does not stream', {}, { ...question, stream: false }, 'openai'],
  ['a body that is signed', { 'content-digest': 'sha-256=:x:' }, question, 'openai'],
  ['an answer that may come in a coding unknown here', { 'accept-encoding': 'compress' }, question, 'openai'],
  ['a vendor that says its usage unasked', {}, question, 'mistral'],
] as const)('%s: nothing is added and nothing taken away', async (_name, headers, body, upstreamName) => {
  const { upstream } = await serve();
  const seen = await (await call(headers, JSON.stringify(body), upstreamName)).text();
  expect(upstream.requests[0]?.body.toString('utf8')).toBe(JSON.stringify(body));
  expect(seen).toBe(('stream_options' in body && body.stream_options.include_usage ? ASKED : UNASKED).join(''));
});

test('the option is added with every other byte as it was', () => {
  const added = (json: string) => askForUsage(Buffer.from(json))?.toString('utf8');
  expect(added('{ "stream": true, "a": "é}" }\n')).toBe('{ "stream": true, "a": "é}" ,"stream_options":{"include_usage":true}}\n');
  expect(added('{"stream_options": {}, "stream": true}')).toBe('{"stream_options": {"include_usage":true}, "stream": true}');
  expect(added('{"m":[{"stream_options":1}],"stream_options":{"include_obfuscation":false},"stream":true}')).toBe(
    '{"m":[{"stream_options":1}],"stream_options":{"include_usage":true,"include_obfuscation":false},"stream":true}',
  );
  expect(added('{"stream": true, "stream_options": null}')).toBeUndefined();
  expect(added('[true]')).toBeUndefined();
  expect(added('{"stream": tru')).toBeUndefined();
});

test('a stream cut at any byte is stripped the same, whatever its line ends', () => {
  const cases: readonly (readonly [asked: string, unasked: string])[] = [
    [ASKED.join(''), UNASKED.join('')],
    [ASKED.join('').replaceAll('\n', '\r\n'), UNASKED.join('').replaceAll('\n', '\r\n')],
    ['data: {"usage": null, "choices": [1]}\n\n', 'data: {"choices": [1]}\n\n'],
    ['data: {"choices": [1], "usage" : null}\n\n: ping\n\n', 'data: {"choices": [1]}\n\n: ping\n\n'],
    ['data: {"choices": [1], "usage": null', 'data: {"choices": [1], "usage": null'],
    ['data: {"choices": [], "prompt_filter_results": [], "usage": null}\n\n', 'data: {"choices": [], "prompt_filter_results": []}\n\n'],
    ['data: {"choices": [{"usage": null}]}\n\n', 'data: {"choices": [{"usage": null}]}\n\n'],
  ];
  for (const [asked, unasked] of cases) {
    const bytes = Buffer.from(asked);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const stripper = new UsageStripper();
      const out = [stripper.push(bytes.subarray(0, cut)), stripper.push(bytes.subarray(cut)), stripper.end()];
      expect(Buffer.concat(out).toString('utf8')).toBe(unasked);
    }
  }
});

test('an event too long to be held passes as it is, and the next one is stripped again', () => {
  const long = event({ choices: [{ delta: { content: 'x'.repeat(400_000) } }], usage: null });
  const stripper = new UsageStripper();
  const bytes = Buffer.from(`${long}${ASKED.join('')}`);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 50_000) out.push(stripper.push(bytes.subarray(at, at + 50_000)));
  out.push(stripper.end());
  expect(Buffer.concat(out).toString('utf8') === long + UNASKED.join('')).toBe(true);
});
