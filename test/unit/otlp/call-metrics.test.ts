/** The conventions' metrics of calls. */
import * as semantic from '@opentelemetry/semantic-conventions/incubating';
import { Counter, Histogram, Registry } from 'prom-client';
import { CALL_METRIC_LABELS, CALL_METRICS } from '../../../contract/events.ts';
import { healthMetrics, type Times } from '../../../contract/otlp/metrics-export.ts';
import type { CallRecord } from '../../../contract/record.ts';
import { CallMetrics, Observations } from '../../../ingest/otlp/call-metrics.ts';
import { callMetrics } from '../../../ingest/otlp/telemetry.ts';
import { sampleRecord } from '../ingest/sample.ts';

function observed(...calls: Partial<CallRecord>[]): {
  metrics: CallMetrics;
  folded: string[];
  points: (name: keyof typeof CALL_METRICS) => readonly { attributes: object; counts: readonly number[]; sum: number; count: number }[];
} {
  const folded: string[] = [];
  const metrics = new CallMetrics({ onFolded: (label) => folded.push(label) });
  const noted = new Observations();
  for (const [line, call] of calls.entries()) metrics.observe(sampleRecord(call), line, noted);
  noted.count(new Set());
  return { metrics, folded, points: (name) => [...metrics.points()].find(([entry]) => entry === CALL_METRICS[name])?.[1] ?? [] };
}

test('names are those of the conventions', () => {
  const official = new Set<unknown>(Object.values(semantic));
  const names = [...Object.values(CALL_METRICS).flatMap(({ name, labels }) => [name, ...labels]), ...CALL_METRIC_LABELS];
  // These three are stable, and so in another list.
  expect(names.filter((name) => !official.has(name) && !/^(?:error\.type|server\.address|server\.port)$/.test(name))).toEqual([]);
});

test('a call is one duration, and its tokens by type, where they are known', () => {
  const { points } = observed(
    { server_address: 'api.openai.com', server_port: 443 },
    { input_tokens: null, output_tokens: null, usage_source: 'none' },
  );
  expect(points('tokens').map(({ attributes, sum, count }) => ({ attributes, sum, count }))).toEqual([
    { attributes: expect.objectContaining({ 'gen_ai.token.type': 'input', 'server.port': 443 }), sum: 1000, count: 1 },
    { attributes: expect.objectContaining({ 'gen_ai.token.type': 'output' }), sum: 100, count: 1 },
  ]);
  const [duration] = points('duration');
  expect(duration).toMatchObject({ sum: 0.8125, count: 1 });
  expect(duration?.counts.indexOf(1)).toBe(7); // above 0.64, up to 1.28
  expect(points('first_chunk')).toEqual([]);
});

test('a stream has its first token, and its other chunks at their mean distance', () => {
  const { points } = observed({ stream: true, ttft_ms: 200, duration_ms: 1_200, output_chunks: 101 });
  expect(points('first_chunk')[0]).toMatchObject({ sum: 0.2, count: 1 });
  expect(points('output_chunk')[0]).toMatchObject({ count: 100 });
  expect(points('output_chunk')[0]?.sum).toBeCloseTo(1);
});

test('an error is told apart by its type, a caller that goes away is none', () => {
  const { points } = observed({ outcome: 'rate_limited', error_type: 'rate_limit_exceeded', status: 429 }, { outcome: 'client_abort' });
  expect(points('duration').map(({ attributes }) => (attributes as Record<string, unknown>)['error.type'])).toEqual([
    'rate_limit_exceeded',
    undefined,
  ]);
});

test('models beyond a number are one, sooner where nothing succeeded with them; hosts, error types and series have their ends too', () => {
  const calls = Array.from({ length: 300 }, (_, index) => ({
    request_model: `made-up-${index}`,
    response_model: '',
    status: 404,
    outcome: 'client_error' as const,
  }));
  const { points, folded } = observed(...calls, { request_model: 'real', response_model: '' });
  const models = points('duration').map(({ attributes }) => (attributes as Record<string, unknown>)['gen_ai.request.model']);
  expect(new Set(models).size).toBe(52);
  expect(models).toEqual(expect.arrayContaining(['_OTHER', 'real']));
  expect(folded).toHaveLength(250);

  const wild = Array.from({ length: 5_000 }, (_, index) => ({
    request_model: `m${index % 200}`,
    response_model: '',
    server_address: `h${index % 151}`,
    outcome: 'provider_error' as const,
    error_type: `e${index}`,
  }));
  const all = observed(...wild);
  expect(all.points('duration').length).toBeLessThanOrEqual(2_001);
  expect(all.points('duration').some(({ attributes }) => 'otel.metric.overflow' in attributes)).toBe(true);
  expect(all.points('duration').reduce((sum, { count }) => sum + count, 0)).toBe(5_000);
  expect(new Set(all.folded)).toEqual(new Set(['server.address', 'error.type', 'otel.metric.overflow']));
});

test('no label ever holds a user, a session, a tag or a key', () => {
  const secret = {
    user_id: 'alice',
    session_id: 'session-9',
    tags: { team: 'secret-team' },
    key_fingerprint: 'beefbeef',
    project: 'secret-project',
  };
  expect(observed({ ...secret, stream: true, ttft_ms: 1, output_chunks: 3 }).metrics.prometheusText()).not.toMatch(
    /alice|session-9|secret|beefbeef/,
  );
});

test('Prometheus’ text has buckets that add up, and values in quotes', () => {
  const { metrics } = observed({ request_model: 'a"b\\c\nd' });
  const text = metrics.prometheusText();
  expect(text).toContain('# TYPE gen_ai_client_operation_duration_seconds histogram');
  expect(text).toMatch(/gen_ai_client_operation_duration_seconds_bucket\{[^}]*gen_ai_request_model="a\\"b\\\\c\\nd"[^}]*le="1.28"\} 1\n/);
  expect(text).toMatch(/gen_ai_client_operation_duration_seconds_bucket\{[^}]*le="0.64"\} 0\n/);
  expect(text).toMatch(/gen_ai_client_operation_duration_seconds_bucket\{[^}]*le="\+Inf"\} 1\n/);
  expect(text).toMatch(/gen_ai_client_token_usage_sum\{[^}]*gen_ai_token_type="input"[^}]*\} 1000\n/);
});

test('what is noted counts when its batch is in, and not at all for the lines that were lost', () => {
  const metrics = new CallMetrics();
  const noted = new Observations();
  for (const line of [1, 2, 3]) metrics.observe(sampleRecord(), line, noted);
  const counted = () => [...metrics.points()].map(([entry, points]) => [entry.name, points.reduce((sum, { count }) => sum + count, 0)]);
  expect(counted().map(([, count]) => count)).toEqual([0, 0, 0, 0]);
  noted.count(new Set([2]));
  expect(Object.fromEntries(counted())).toMatchObject({ [CALL_METRICS.tokens.name]: 4, [CALL_METRICS.duration.name]: 2 });
});

test('health metrics keep their names over OTLP, histograms their buckets', async () => {
  const registry = new Registry();
  new Counter({ name: 'c_total', help: 'c', labelNames: ['kind'], registers: [registry] }).inc({ kind: 'a' }, 3);
  const histogram = new Histogram({ name: 'h', help: 'h', buckets: [1, 2], registers: [registry] });
  for (const value of [0.5, 1.5, 9]) histogram.observe(value);
  const times = { startTime: [1, 0], endTime: [2, 0] } satisfies Times;
  const named = callMetrics(observed({}).metrics, '1', times).metrics.map(({ descriptor: { name } }) => name);
  expect(named).toEqual(Object.values(CALL_METRICS).map(({ name }) => name));
  expect(healthMetrics({ name: 'health' }, await registry.getMetricsAsJSON(), times).metrics).toMatchObject([
    { descriptor: { name: 'c_total' }, isMonotonic: true, dataPoints: [{ attributes: { kind: 'a' }, value: 3 }] },
    {
      descriptor: { name: 'h' },
      dataPoints: [{ attributes: {}, value: { buckets: { boundaries: [1, 2], counts: [1, 1, 1] }, sum: 11, count: 3 } }],
    },
  ]);
});
