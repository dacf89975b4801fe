/**
 * The console's snippets, run as somebody would who has copied them: each TypeScript one in a process of its own, with the
 * real SDK, through a real Glassway against the mock provider. Nothing is changed in them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { type MockProvider, startMockProvider } from '../../cli/demo/mock-provider.ts';
import { CLIENTS } from '../../ingest/console/page/snippet-table.ts';
import { makeSnippet } from '../../ingest/console/page/snippets.ts';
import { type RunningGlassway, startGlassway } from '../kit/glassway.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const UPSTREAMS = ['openai', 'anthropic', 'gemini', 'mistral', 'groq', 'ollama'] as const;
const KEYS = ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'GEMINI_API_KEY', 'MISTRAL_API_KEY', 'GROQ_API_KEY'];
const TYPESCRIPT = CLIENTS.filter((client) => client.language === 'TypeScript');

let mock: MockProvider;
let glassway: RunningGlassway;

beforeAll(async () => {
  mock = await startMockProvider({ host: '127.0.0.1', port: 0, seed: 5, latencyScale: 0 });
  const upstreams = Object.fromEntries(UPSTREAMS.map((name) => [name, { baseUrl: `${mock.url}/${name}` }]));
  glassway = await startGlassway({ settings: { upstreams } });
});
afterAll(async () => {
  await glassway?.stop();
  await mock?.close();
});

async function run(code: string): Promise<{ exit: number | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', code], {
    // Bare names are looked up from here, as in a project where the SDK is installed.
    cwd: ROOT,
    env: { ...process.env, ...Object.fromEntries(KEYS.map((name) => [name, 'sk-snippet'])) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, output };
}

test.each(TYPESCRIPT.map((client) => [client.id, client] as const))(
  '%s makes a call of its project that succeeds, and prints the answer',
  async (id, client) => {
    const project = `it's "${id}" \\ $x`;
    const code = makeSnippet(client, { proxyUrl: glassway.proxyUrl, project, needsKey: false })
      .map((line) => line.text)
      .join('\n');
    const { exit, output } = await run(code);
    expect([exit, output]).toEqual([0, expect.stringMatching(/\S{2}/)]);
    const own = `project = '${project.replace(/['\\]/g, '\\$&')}'`;
    const [row] = await glassway.rows(`SELECT status, outcome, output_tokens FROM calls WHERE ${own}`, 1);
    expect(row).toMatchObject({ status: 200, outcome: 'ok' });
    expect(Number(row?.['output_tokens'])).toBeGreaterThan(0);
  },
);

test('each snippet names Glassway’s address and project, and the key only when one is asked for', () => {
  const facts = { proxyUrl: 'http://glassway.example:4700', project: 'shop' };
  for (const client of CLIENTS) {
    const text = (needsKey: boolean): string =>
      makeSnippet(client, { ...facts, needsKey })
        .map((line) => line.text)
        .join('\n');
    expect(text(false)).toContain(facts.proxyUrl);
    expect(text(false)).not.toMatch(/\bURL\/|\bNAME\b|\bVALUE\b|HEADER_LINES|^[+?]/m);
    expect(text(false)).not.toMatch(/glassway-key|GLASSWAY_KEY/);
    if (client.id === 'environment') continue;
    expect([client.id, text(false)]).toEqual([client.id, expect.stringMatching(/x-glassway-project['"]?[^\n]{1,6}shop/)]);
    expect([client.id, text(true)]).toEqual([client.id, expect.stringContaining('x-glassway-key')]);
    expect([client.id, text(true)]).toEqual([client.id, expect.stringMatching(/GLASSWAY_KEY|<your key>/)]);
  }
  expect(new Set(CLIENTS.map(({ id }) => id)).size).toBe(CLIENTS.length);
});
