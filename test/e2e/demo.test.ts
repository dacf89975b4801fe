/**
 * The demo's traffic through a whole Glassway: what the mock provider sent is what ClickHouse says.
 */
import { startMockProvider } from '../../cli/demo/mock-provider.ts';
import { runTraffic } from '../../cli/demo/traffic.ts';
import { freePorts, runToEnd, startGlassway, waitFor } from '../kit/glassway.ts';

test('every call that the mock provider answered is one row, with the tokens that it sent, per project', async () => {
  const ports = await freePorts();
  const glassway = await startGlassway({ ports });
  const mock = await startMockProvider({ host: '127.0.0.1', port: ports.mockProvider, seed: 21, latencyScale: 0, errors: true });
  try {
    const summary = await runTraffic({ proxyUrl: glassway.proxyUrl, rate: 100, minutes: 0.1, seed: 21 });
    const sent = mock.sent();
    expect(sent.calls).toBeGreaterThan(300);
    await waitFor(`${summary.sent} rows`, async () => {
      const [row] = await glassway.query('SELECT count() AS calls FROM calls');
      return (row?.['calls'] as number) >= summary.sent ? true : undefined;
    });
    const rows = await glassway.query(
      "SELECT project, sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cache_read_tokens) AS cached, sum(reasoning_tokens) AS reasoning FROM calls WHERE outcome = 'ok' AND usage_source = 'provider' GROUP BY project ORDER BY project",
    );
    const expected = new Map<string, { input: number; output: number; cached: number; reasoning: number }>();
    for (const cell of sent.cells) {
      // A stream with one broken event still says its usage; a broken JSON body says nothing.
      const readable = cell.end === 'ok' || (cell.end === 'malformed' && cell.stream);
      if (!readable || cell.calls_with_usage === 0) continue;
      const sum = expected.get(cell.label) ?? { input: 0, output: 0, cached: 0, reasoning: 0 };
      sum.input += cell.input_tokens;
      sum.output += cell.output_tokens;
      sum.cached += cell.cache_read_tokens;
      sum.reasoning += cell.reasoning_tokens;
      expected.set(cell.label, sum);
    }
    expect(rows.map(({ project, ...sums }) => [project, sums])).toEqual([...expected].sort(([a], [b]) => (a < b ? -1 : 1)));

    const [counts] = await glassway.query(
      'SELECT count() AS calls, uniqExact(id) AS ids, uniqExact(proxy_id, seq) AS seqs, max(seq) AS last FROM calls',
    );
    expect(counts).toEqual({ calls: summary.sent, ids: summary.sent, seqs: summary.sent, last: summary.sent });
    const [rollup] = await glassway.query('SELECT sum(calls) AS calls, sum(cost_usd) AS cost FROM calls_by_minute');
    const [table] = await glassway.query('SELECT count() AS calls, sum(cost_usd) AS cost FROM calls');
    expect(rollup).toEqual(table);
  } finally {
    await mock.close();
    await glassway.stop();
  }
});

test('glassway demo without a running Glassway says what to do, with exit code 1', async () => {
  const ports = await freePorts();
  const { code, output } = await runToEnd(['demo', '--minutes', '1'], {
    GLASSWAY_LISTEN_PROXY: String(ports.proxy),
    GLASSWAY_LISTEN_MOCK_PROVIDER: String(ports.mockProvider),
  });
  expect(code).toBe(1);
  expect(output).toContain('npm start');
});

test.each([
  ['--rate', '0'],
  ['--rate', 'fast'],
  ['--minutes', '100000'],
  ['--seed', '-1'],
])('glassway demo %s %s names the option and what is accepted', async (option, value) => {
  const { code, output } = await runToEnd(['demo', option, value]);
  expect(code).toBe(1);
  expect(output).toContain(option.slice(2));
  expect(output).toContain(value);
});
