/**
 * `glassway reprice` as an operator runs it beside a running Glassway: it looks without writing, refuses to write without
 * being told to, writes, and ends at the same sums when it was killed on the way.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startMockProvider } from '../../cli/demo/mock-provider.ts';
import { runTraffic } from '../../cli/demo/traffic.ts';
import { glasswayPorts, type RunningGlassway, runToEnd, scratchDir, startGlassway, waitFor } from '../kit/glassway.ts';

let glassway: RunningGlassway;

beforeAll(async () => {
  const ports = await glasswayPorts();
  glassway = await startGlassway({ ports });
  const mock = await startMockProvider({ host: '127.0.0.1', port: ports.mockProvider, seed: 7, latencyScale: 0, errors: false });
  try {
    const { sent } = await runTraffic({ proxyUrl: glassway.proxyUrl, rate: 60, minutes: 0.03, seed: 7 });
    await waitFor(`${sent} rows`, async () =>
      Number((await glassway.query('SELECT count() AS n FROM calls'))[0]?.['n']) >= sent ? true : undefined,
    );
  } finally {
    await mock.close();
  }
}, 120_000);
afterAll(async () => {
  await glassway?.stop();
});

function withPrices(multiplier: number): string[] {
  const config = join(scratchDir(), 'glassway.yaml');
  writeFileSync(config, JSON.stringify({ listen: glassway.ports, prices: [{ multiplier }] }));
  return ['reprice', '--since', '2h', '--config', config, '--data', glassway.dataDir];
}

const sum = async (table: string) => Number((await glassway.query(`SELECT toFloat64(sum(cost_usd)) AS usd FROM ${table}`))[0]?.['usd']);

test('it looks first, writes only when told to, and leaves rows and minute sums equal', async () => {
  const before = await sum('calls');
  const look = await runToEnd([...withPrices(2), '--dry-run']);
  expect([look.code, look.output]).toEqual([0, expect.stringMatching(/project +provider +model/)]);
  const silent = await runToEnd(withPrices(2));
  expect([silent.code, silent.output]).toEqual([1, expect.stringContaining('add --yes')]);
  expect(await sum('calls')).toBe(before);
  const written = await runToEnd([...withPrices(2), '--yes']);
  expect([written.code, written.output]).toEqual([0, expect.stringContaining('have their new cost')]);
  expect(await sum('calls')).toBeCloseTo(before * 2, 8);
  expect(await sum('calls_by_minute')).toBeCloseTo(before * 2, 8);
}, 60_000);

test('killed while it rebuilds and run again, it ends where it would have ended', async () => {
  const before = await sum('calls');
  const child = spawn(process.execPath, [resolve('cli/main.ts'), ...withPrices(6), '--yes'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  for await (const chunk of child.stdout) if (String(chunk).includes('Rebuilding')) child.kill('SIGKILL');
  await exited;
  const again = await runToEnd([...withPrices(6), '--yes']);
  expect([again.code, again.output]).toEqual([0, expect.stringContaining('calls looked at')]);
  expect(await sum('calls')).toBeCloseTo(before * 3, 8);
  expect(await sum('calls_by_minute')).toBeCloseTo(before * 3, 8);
}, 90_000);
