/**
 * What stands behind the proxy may be down: calls work unchanged, and what can be kept is kept.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import OpenAI from 'openai';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { glasswayPorts, scratchDir, startGlassway, waitFor } from '../kit/glassway.ts';

const MAIN = resolve(import.meta.dirname, '../../cli/main.ts');
let mock: MockProvider;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 5, latencyScale: 0 });
});
afterAll(() => mock?.close());

const ask = (proxyUrl: string, id: string) =>
  new OpenAI({
    baseURL: `${proxyUrl}/openai/v1`,
    apiKey: 'sk-test',
    maxRetries: 0,
    defaultHeaders: { 'x-glassway-project': 'alone', 'x-glassway-request-id': id },
  }).chat.completions.create({
    model: 'gpt-5-mini',
    messages: [{ role: 'user', content: 'Hello' }],
  });

/** `glassway proxy` by itself. */
async function startProxyAlone(extra: Record<string, unknown>) {
  const ports = await glasswayPorts();
  const config = join(scratchDir(), 'glassway.yaml');
  writeFileSync(config, JSON.stringify({ listen: ports, upstreams: { openai: { baseUrl: `${mock.url}/openai` } }, ...extra }));
  const child = spawn(process.execPath, [MAIN, 'proxy', '--config', config, '--data', join(scratchDir(), 'data')], { stdio: 'ignore' });
  await waitFor('the proxy', async () => {
    try {
      return (await fetch(`http://127.0.0.1:${ports.proxyAdmin}/readyz`)).ok || undefined;
    } catch {
      return undefined;
    }
  });
  return {
    url: `http://127.0.0.1:${ports.proxy}`,
    metrics: async () => (await fetch(`http://127.0.0.1:${ports.proxyAdmin}/metrics`)).text(),
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      return (await exited)[0] as number | null;
    },
  };
}

test.concurrent('a proxy without any ingest carries calls and keeps their records', async () => {
  const proxy = await startProxyAlone({});
  expect((await ask(proxy.url, 'no-ingest')).choices).toHaveLength(1);
  expect(await proxy.metrics()).toMatch(/^glassway_proxy_queue_records 1$/m);
  expect(await proxy.stop()).toBe(0);
});

test.concurrent('with ingest away calls work; their records arrive when it is there', async () => {
  const { ingest } = await glasswayPorts();
  const proxy = await startProxyAlone({ ingestUrl: `http://127.0.0.1:${ingest}` });
  for (let i = 0; i < 5; i++) expect((await ask(proxy.url, `away-${i}`)).choices).toHaveLength(1);
  const batches = new Map<string, number>();
  const late = createServer((req, res) => {
    req.resume();
    req.on('end', () => {
      const batch_id = String(req.headers['x-glassway-batch-id']);
      batches.set(batch_id, (batches.get(batch_id) ?? 0) + 1);
      res.end(JSON.stringify({ batch_id, accepted: 5, rejected: [] }));
    });
  }).listen(ingest, '127.0.0.1');
  await once(late, 'listening');
  await waitFor('the records to be shipped', async () =>
    /^glassway_proxy_queue_records 0$/m.test(await proxy.metrics()) ? true : undefined,
  );
  expect([...batches.values()].every((count) => count === 1)).toBe(true);
  expect(await proxy.stop()).toBe(0);
  late.close();
});

test.concurrent('with ClickHouse away from the start everything else comes up, says so, and calls work', async () => {
  const { clickhouseHttp } = await glasswayPorts();
  const glassway = await startGlassway({
    settings: { upstreams: { openai: { baseUrl: `${mock.url}/openai` } } },
    env: { CLICKHOUSE_URL: `http://127.0.0.1:${clickhouseHttp}` },
  });
  expect(glassway.output()).toContain('ClickHouse does not answer yet');
  expect((await ask(glassway.proxyUrl, 'no-clickhouse')).choices).toHaveLength(1);
  expect((await fetch(`${glassway.consoleUrl}/readyz`)).status).toBe(503);
  expect((await fetch(`${glassway.consoleUrl}/healthz`)).status).toBe(200);
  expect(await glassway.stop()).toBe(0);
});
