/**
 * What a call makes is garbage when it is over, and the young generation's collector must see that: what it takes for alive it
 * copies, and every call waits meanwhile.
 */
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { gcWatchEnv, survivorsIn } from '../../kit/gc-watch.ts';
import { scratchDir } from '../../kit/glassway.ts';
import { waitFor } from '../../kit/proxy.ts';
import { startProxyChild } from '../../kit/proxy-child.ts';
import { type HttpUpstream, startUpstream } from '../../kit/upstream.ts';

/** Calls under way for as long as the others come and go: what is kept of calls is not small then, and outlives collections. */
const SLOW_CALLS = 60;
const CLIENTS = 4;
const CALLS_EACH = 1_000;
const BODY = JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x'.repeat(900) }] });
const ANSWER = JSON.stringify({ model: 'gpt-4o-mini-2024-07-18', choices: [], usage: { prompt_tokens: 9, completion_tokens: 3 } });

let upstream: HttpUpstream;
const slow: (() => void)[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS + SLOW_CALLS });

beforeAll(async () => {
  upstream = await startUpstream((res, { url }) => {
    res.setHeader('content-type', 'application/json');
    if (url.endsWith('slow')) slow.push(() => res.end(ANSWER));
    else res.end(ANSWER);
  });
});
afterAll(async () => {
  agent.destroy();
  await upstream?.close();
});

function call(port: number, query = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': BODY.length, 'x-glassway-project': 'checkout' };
    const req = request({ port, host: '127.0.0.1', method: 'POST', path: `/openai/v1/chat/completions${query}`, headers, agent }, (res) => {
      res.resume();
      res.on('end', resolve);
    });
    req.on('error', reject);
    req.end(BODY);
  });
}

test('little of what calls make outlives them', async () => {
  const file = join(scratchDir(), 'scavenges.json');
  const proxy = await startProxyChild({ openai: upstream.origin }, {}, gcWatchEnv(file));
  const calls = async (): Promise<void> => {
    for (let each = 0; each < CALLS_EACH; each += 1) await call(proxy.port);
  };
  const slowCalls = Array.from({ length: SLOW_CALLS }, () => call(proxy.port, '?slow'));
  await waitFor('slow calls', () => slow.length === SLOW_CALLS);
  await Promise.all(Array.from({ length: CLIENTS }, calls));
  for (const end of slow) end();
  await Promise.all(slowCalls);
  await proxy.stop();
  const { scavenges, survived } = survivorsIn(file);
  expect(scavenges).toBeGreaterThan(1);
  expect(survived).toBeLessThan(0.1);
});
