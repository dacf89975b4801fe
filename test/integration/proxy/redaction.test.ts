/** Bodies of projects that ask for `redacted`, through a real proxy with its redacting thread. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { metricValue, startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { type HttpUpstream, startUpstream } from '../../kit/upstream.ts';

const MAIL = 'john.doe@example.com';
let upstream: HttpUpstream;
let proxy: TestProxy;

afterEach(async () => {
  await proxy?.close();
  await upstream?.close();
});

async function serve(answer: readonly string[], type: string, settings: Record<string, unknown> = {}, status = 200): Promise<void> {
  upstream = await startUpstream((res) => {
    res.writeHead(status, { 'content-type': type });
    for (const piece of answer) res.write(piece);
    res.end();
  });
  proxy = await startTestProxy(
    { openai: upstream.origin },
    { projects: { p: { capture: 'redacted', redact: { classes: ['email'] } }, all: { capture: 'full' } }, ...settings },
  );
}

const USAGE = { prompt_tokens: 3, completion_tokens: 2 };
const chat = (project: string, headers: Record<string, string> = {}) =>
  fetch(`${proxy.origin}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-glassway-project': project, ...headers },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: `Mail ${MAIL} from 8.8.8.8` }] }),
  });

test('the call passes untouched, its bodies are kept without what the project takes out, and all else is kept', async () => {
  const answer = JSON.stringify({
    model: 'gpt-4o',
    choices: [{ message: { content: `Sent to ${MAIL}.` }, finish_reason: 'stop' }],
    usage: USAGE,
  });
  await serve([answer], 'application/json');
  expect(await (await chat('p')).text()).toBe(answer);
  expect(upstream.requests[0]?.body.toString()).toContain(MAIL);
  const record = await proxy.record();
  expect(record).toMatchObject({ outcome: 'ok', input_tokens: 3, output_tokens: 2 });
  expect(record.bodies).toEqual({
    capture: 'redacted',
    request: '{"model":"gpt-4o","messages":[{"role":"user","content":"Mail [redacted:email] from 8.8.8.8"}]}',
    response: answer.replace(MAIL, '[redacted:email]'),
  });
  expect(await metricValue(proxy.metrics, 'glassway_proxy_redactions_total', { result: 'redacted' })).toBe(1);
});

test('a stream without usage is counted and redacted, and nothing of it was ever in the journal', async () => {
  const event = (content: string) => `data: ${JSON.stringify({ model: 'gpt-4o', choices: [{ index: 0, delta: { content } }] })}\n\n`;
  await serve([event('To john'), event('.doe@exam'), event('ple.com.'), 'data: [DONE]\n\n'], 'text/event-stream');
  await (await chat('p')).text();
  const record = await proxy.record();
  expect(record.usage_source).toBe('estimated');
  expect(record.bodies?.response).not.toMatch(/john|doe|exam|ple\.com/);
  const files = readdirSync(proxy.journalDir).map((name) => readFileSync(join(proxy.journalDir, name), 'latin1'));
  expect(files.join('')).not.toMatch(/john|doe@/);
});

test('a request lowers its project to redacted, or below it', async () => {
  await serve(['{}'], 'application/json', { redact: { classes: ['ip'] } });
  await (await chat('all', { 'x-glassway-capture': 'redacted' })).text();
  await (await chat('p', { 'x-glassway-capture': 'metadata' })).text();
  const found = await proxy.records(2);
  const [first, second] = ['all', 'p'].map((project) => found.find((record) => record.project === project));
  expect(first?.bodies).toMatchObject({ capture: 'redacted', request: expect.stringContaining(`${MAIL} from [redacted:ip]`) });
  expect(second?.bodies).toBeUndefined();
});

test("the provider's words are kept without what the project takes out", async () => {
  await serve(
    [JSON.stringify({ error: { type: 'invalid_request_error', message: `Cannot mail ${MAIL} from here` } })],
    'application/json',
    {},
    400,
  );
  await (await chat('p')).text();
  expect((await proxy.record()).error_message).toBe('Cannot mail [redacted:email] from here');
});

test('a body that takes too long is not stored, and counted', async () => {
  // Linear, and yet too much for a hundredth of a second: fifty patterns over a megabyte.
  const patterns = Array.from({ length: 50 }, (_, i) => ({ name: `p${i}`, pattern: `(a|aa|aaa|aaaa)*b{${i + 1}}` }));
  await serve([`"${'a'.repeat(900_000)}"`], 'application/json', {
    projects: { slow: { capture: 'redacted', redact: { patterns, timeMs: 10 } } },
  });
  await (await chat('slow')).text();
  const [record] = await proxy.records(1);
  expect(record?.outcome).toBe('ok');
  expect(record?.bodies?.response.slice(0, 100)).toContain('redaction took longer');
  expect(await metricValue(proxy.metrics, 'glassway_proxy_redactions_total', { result: 'timeout' })).toBe(1);
}, 30_000);
