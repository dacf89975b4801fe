import type { CallRow } from '../../../contract/record.ts';
import { RULES } from '../../../dashboards/alerts.ts';
import { expand } from '../../../dashboards/macros.ts';
import { startTestClickHouse, type TestClickHouse } from '../../kit/clickhouse.ts';
import { type Choice, expandFor, type PanelQuery, panelQueries, readDashboards } from '../../kit/dashboards.ts';
import { insertCalls, sampleCall, sampleCalls } from '../../kit/sample-calls.ts';
import { type HealthRow, insertHealth, sampleHealth } from '../../kit/sample-health.ts';

const HOUR_MS = 3_600_000;
/** On the hour, so that long ranges, whose quantiles are by the hour, hold the same calls as short ones. */
const NOW = new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS);
const before = (hours: number) => new Date(NOW.getTime() - hours * HOUR_MS);
const WEEK: Choice = { from: before(168), to: NOW };
const DAY: Choice = { from: before(24), to: NOW };
/** From the middle of a day to the middle of another: whole days and two parts. */
const ODD: Choice = { from: new Date(NOW.getTime() - 120.3 * HOUR_MS), to: new Date(NOW.getTime() - 36.7 * HOUR_MS) };
const EMPTY: Choice = { from: new Date('2001-01-01T00:00:00Z'), to: new Date('2001-01-01T06:00:00Z') };
const EMPTY_MONTH: Choice = { from: new Date('2001-01-01T00:00:00Z'), to: new Date('2001-01-31T00:00:00Z') };

const queries = panelQueries();
const rows: readonly CallRow[] = sampleCalls({ count: 12_000, from: before(168), to: new Date(NOW.getTime() - 60_000) });
let server: TestClickHouse;

beforeAll(async () => {
  server = await startTestClickHouse();
  await insertCalls(server.client, rows);
  await insertHealth(server.client, sampleHealth(before(2), NOW));
});
afterAll(() => server?.stop());

interface Answer {
  readonly meta: { readonly name: string; readonly type: string }[];
  readonly data: unknown[][];
  readonly rowsRead: number;
}

/** As Grafana reads: the read-only user, no settings of our own. */
async function ask(query: string): Promise<Answer> {
  const answer = await server.readerClient.query({ query, format: 'JSONCompact' });
  const { meta = [], data, statistics } = await answer.json<unknown[]>();
  return { meta, data, rowsRead: statistics?.rows_read ?? 0 };
}

async function figure(name: string, choice: Choice): Promise<unknown> {
  const found = queries.find((query) => query.name === name);
  if (found === undefined) throw new Error(`there is no panel ${name}`);
  const { data, meta } = await ask(expandFor(found.sql, choice));
  expect(data).toHaveLength(1);
  return data[0]?.[meta.findIndex((column) => found.panel.options?.reduceOptions?.fields === `/^${column.name}$/`)];
}

const isTime = (type = '') => /^DateTime/.test(type);
const isText = (type = '') => /^(LowCardinality\()?String/.test(type);
const isNumber = (type = '') => /^(Nullable\()?(U?Int|Float)/.test(type);

/** What Grafana needs to draw it: see "Data frame formats" in its developer documentation. */
function expectShape({ panel }: PanelQuery, { meta, data }: Answer): void {
  const types = meta.map(({ type }) => type);
  for (const type of types) expect([type, isTime(type) || isText(type) || isNumber(type)]).toEqual([type, true]);
  if (panel.type === 'timeseries' || panel.type === 'heatmap') {
    expect(isTime(types[0])).toBe(true);
    expect(types.slice(1).filter((type) => isNumber(type)).length).toBeGreaterThan(0);
    expect(types.slice(1).filter((type) => isText(type)).length).toBe(panel.fieldConfig?.defaults.displayName === undefined ? 0 : 1);
    const times = data.map(([time]) => String(time));
    expect(times).toEqual([...times].sort());
  }
  if (panel.type === 'stat') {
    expect(data.length).toBeLessThanOrEqual(1);
    expect(meta.map(({ name }) => `/^${name}$/`)).toContain(panel.options?.reduceOptions?.fields);
  }
  if (panel.type === 'bargauge') expect([isText(types[0]), isNumber(types[1])]).toEqual([true, true]);
  if (panel.type === 'table') {
    const named = panel.fieldConfig?.overrides.map(({ matcher }) => matcher.options) ?? [];
    expect(named).toEqual(meta.map(({ name }) => name));
  }
}

/** The one that shows nothing until it is told which call. */
const NEEDS_A_CHOICE = /One call$/;

describe.each(queries.map((query): [string, PanelQuery] => [query.name, query]))('%s', (name, query) => {
  test('answers in the shape that its panel needs for All, one project and several, over a week and a day', async () => {
    for (const choice of [WEEK, DAY, { ...WEEK, projects: ['checkout'] }, { ...DAY, projects: ['checkout', 'support-chat', "o'brien"] }]) {
      const answer = await ask(expandFor(query.sql, choice));
      expectShape(query, answer);
      if (choice === WEEK || choice === DAY) expect(answer.data.length > 0 || NEEDS_A_CHOICE.test(name)).toBe(true);
    }
  });

  test('answers an empty range without rows, or with one that says 0 or nothing', async () => {
    for (const choice of [EMPTY, EMPTY_MONTH]) {
      const { data, meta } = await ask(expandFor(query.sql, choice));
      expect(data.length).toBeLessThanOrEqual(query.panel.type === 'stat' ? 1 : 0);
      if (/Forecast|This month/.test(name)) continue;
      for (const [at, value] of (data[0] ?? []).entries())
        expect([meta[at]?.name, value === null || Number(value) === 0]).toEqual([meta[at]?.name, true]);
    }
  });
});

describe('what the boards say', () => {
  const costOf = (calls: readonly CallRow[]) => calls.reduce((sum, { cost_usd }) => sum + Number(cost_usd ?? 0), 0);
  const since = (hours: number, calls = rows) =>
    calls.filter(({ started_at }) => started_at >= before(hours).toISOString().slice(0, 19).replace('T', ' '));
  const failed = ({ outcome }: CallRow) => outcome !== 'ok' && outcome !== 'client_abort';

  test.each([
    ['a week', WEEK, 168],
    ['a day', DAY, 24],
  ] as const)('equals the sums of the calls themselves over %s', async (_, choice, hours) => {
    const calls = since(hours);
    expect(Number(await figure('overview / 1 Calls', choice))).toBe(calls.length);
    expect(await figure('overview / 2 Spend', choice)).toBeCloseTo(costOf(calls), 6);
    expect(await figure('overview / 3 Error rate', choice)).toBeCloseTo(calls.filter(failed).length / calls.length, 9);
    expect(Number(await figure('overview / 6 Not priced', choice))).toBe(
      calls.filter(({ cost_usd, input_tokens }) => cost_usd === null && input_tokens !== null).length,
    );
    const ofOne = calls.filter(({ project }) => project === 'search');
    expect(Number(await figure('project / 1 Calls', { ...choice, projects: ['search'] }))).toBe(ofOne.length);
    expect(await figure('project / 2 Spend', { ...choice, projects: ['search'] })).toBeCloseTo(costOf(ofOne), 6);
    const durations = calls.flatMap(({ duration_ms }) => duration_ms ?? []).sort((a, b) => a - b);
    const p95 = durations[Math.ceil(durations.length * 0.95) - 1] ?? Number.NaN;
    const shown = Number(await figure('overview / 4 p95 duration', choice));
    expect(Math.abs(shown / p95 - 1)).toBeLessThan(0.02);
  });

  test.each([
    ['a week', WEEK],
    ['a day', DAY],
    ['three days and a half', ODD],
  ] as const)('about users, sessions, keys, libraries and tags equals the calls themselves over %s', async (_, choice) => {
    const [from, to] = [choice.from, choice.to].map((time) => time.toISOString().slice(0, 23).replace('T', ' ')) as [string, string];
    const calls = rows.filter(({ started_at, project }) => started_at >= from && started_at <= to && project === 'support-chat');
    const tables: readonly (readonly [panel: string, of: (call: CallRow) => string, without: string])[] = [
      ['Users', ({ user_id }) => user_id, ''],
      ['Sessions', ({ session_id }) => session_id, ''],
      ['API keys', ({ key_fingerprint }) => key_fingerprint, '(without)'],
      ['Client libraries', ({ sdk }) => sdk, '(not known)'],
      ['Tag: ${tag_key}', ({ tags }) => tags['env'] ?? '', '(without)'],
    ];
    for (const [panel, of, without] of tables) {
      const expected = new Map<string, { calls: number; cost: number | null; input: number | null }>();
      for (const call of calls) {
        const name = of(call) || without;
        if (name === '') continue;
        const sum = expected.get(name) ?? { calls: 0, cost: null, input: null };
        const cost = call.cost_usd === null ? sum.cost : (sum.cost ?? 0) + Number(call.cost_usd);
        const input = call.input_tokens === null ? sum.input : (sum.input ?? 0) + Number(call.input_tokens);
        expected.set(name, { calls: sum.calls + 1, cost, input });
      }
      const found = queries.find(({ name, board }) => board === 'project' && name.endsWith(` ${panel}`) && !/^project \/ [56] /.test(name));
      const { data, meta } = await ask(expandFor(found?.sql ?? '', { ...choice, projects: ['support-chat'] }));
      const column = (name: string) => meta.findIndex((each) => each.name === name);
      const shown = new Map(data.map((row) => [String(row[0]), row]));
      expect([panel, shown.size]).toEqual([panel, Math.min(100, expected.size)]);
      for (const [name, row] of shown) {
        const sum = expected.get(name);
        expect([panel, name, Number(row[column('calls')])]).toEqual([panel, name, sum?.calls]);
        const input = row[column('input_tokens')];
        expect([panel, name, input === null ? null : Number(input)]).toEqual([panel, name, sum?.input]);
        const cost = row[column('cost_usd')];
        if (sum?.cost === null || cost === null) expect([panel, name, cost]).toEqual([panel, name, sum?.cost]);
        else expect(cost).toBeCloseTo(sum?.cost ?? Number.NaN, 6);
      }
    }
  });

  test.each([
    ['a week', WEEK],
    ['a day', DAY],
    ['three days and a half', ODD],
    ['half an hour', { from: new Date(NOW.getTime() - 30.7 * HOUR_MS), to: new Date(NOW.getTime() - 30.2 * HOUR_MS) }],
  ] as const)('about failures, 429s, limits and the latest calls equals the calls themselves over %s', async (_, choice) => {
    const [from, to] = [choice.from, choice.to].map((time) => time.toISOString().slice(0, 23).replace('T', ' ')) as [string, string];
    const calls = rows
      .filter(({ started_at }) => started_at >= from && started_at <= to)
      .sort((a, b) => (a.started_at < b.started_at ? -1 : 1));
    const modelOf = (call: CallRow) => call.response_model || call.request_model;
    const answerOf = async (panel: string) => {
      const found = queries.find(({ name }) => name.endsWith(panel));
      return (await ask(expandFor(found?.sql ?? '', choice))).data;
    };
    const grouped = (of: readonly CallRow[], key: (call: CallRow) => readonly string[]) => {
      const groups = new Map<string, { count: number; last: CallRow }>();
      for (const call of of) {
        const name = key(call).join(' | ');
        groups.set(name, { count: (groups.get(name)?.count ?? 0) + 1, last: call });
      }
      return groups;
    };

    const kinds = grouped(
      calls.filter(({ outcome }) => outcome !== 'ok'),
      (call) => [call.outcome, call.error_type, String(call.status || 'none'), call.provider, modelOf(call)],
    );
    const told = await answerOf('Errors in the provider’s words');
    expect(new Map(told.map((row) => [row.slice(0, 5).join(' | '), `${row[5]} ${row[7]}`]))).toEqual(
      new Map([...kinds].map(([name, { count, last }]) => [name, `${count} ${last.error_message}`])),
    );
    const limited = grouped(
      calls.filter(({ outcome }) => outcome === 'rate_limited'),
      (call) => [call.key_fingerprint, call.project, call.provider],
    );
    const keys = await answerOf('429 by API key');
    expect(new Map(keys.map((row) => [row.slice(0, 3).join(' | '), Number(row[3])]))).toEqual(
      new Map([...limited].map(([name, { count }]) => [name, count])),
    );
    const withLimits = calls.filter(({ rate_limits }) => 'remaining_requests' in rate_limits);
    const told_limits = grouped(withLimits, (call) => [call.key_fingerprint, call.provider, modelOf(call), 'requests']);
    const limits = await answerOf('Limits as the providers tell them');
    const shown = new Map(limits.map((row) => [row.slice(0, 4).join(' | '), Number(row[4])]));
    expect(shown.size).toBe(Math.min(100, told_limits.size));
    for (const [name, room] of shown) expect([name, room]).toEqual([name, told_limits.get(name)?.last.rate_limits['remaining_requests']]);

    const list = await answerOf('calls / 2 Calls');
    expect(list.map((row) => row[1])).toEqual(
      calls
        .slice(-500)
        .reverse()
        .map(({ id }) => id),
    );
  });

  test('a long range reads nothing of the calls, and a short one nothing of the rollups', async () => {
    const found = queries.find(({ name }) => name === 'overview / 1 Calls');
    const granules = async (choice: Choice) => {
      const { data } = await ask(`EXPLAIN indexes = 1 ${expandFor(found?.sql ?? '', choice)}`);
      const text = data.map(([line]) => String(line)).join('\n');
      return (table: string) => /Granules: [1-9]/.test(text.slice(text.indexOf(`.${table})`)).split('ReadFrom')[0] ?? '');
    };
    const long = await granules(WEEK);
    expect([long('calls'), long('calls_by_minute')]).toEqual([false, true]);
    const short = await granules(DAY);
    expect([short('calls'), short('calls_by_minute')]).toEqual([true, false]);
  });

  test('the histogram of durations counts every call once, over a day and, nearly, over a week', async () => {
    const found = queries.find(({ panel }) => panel.type === 'heatmap');
    for (const [choice, hours] of [
      [WEEK, 168],
      [DAY, 24],
    ] as const) {
      const { data } = await ask(expandFor(found?.sql ?? '', choice));
      const cells = data.flatMap(([, ...counts]) => counts.map(Number));
      expect(cells.reduce((sum, cell) => sum + cell, 0)).toBeCloseTo(since(hours).length, 3);
    }
  });

  test.each([
    ['a week', WEEK, 168],
    ['a day', DAY, 24],
  ] as const)('of calls none of which was timed, quantiles over %s are not known, and not 0', async (_, choice, hours) => {
    const found = queries.find(({ name }) => name.endsWith('Providers and models'));
    const { data, meta } = await ask(expandFor(found?.sql ?? '', choice));
    const at = (column: string) => meta.findIndex(({ name }) => name === column);
    const timed = new Set(since(hours).flatMap((row) => (row.ttft_ms === null ? [] : [row.response_model || row.request_model])));
    const untimed = data.filter((row) => !timed.has(String(row[at('model')])));
    expect(untimed.length).toBeGreaterThan(0);
    for (const row of untimed)
      expect(['ttft_p50_ms', 'ttft_p95_ms', 'tokens_per_second_p50'].map((column) => row[at(column)])).toEqual([null, null, null]);
    expect(data.every((row) => !timed.has(String(row[at('model')])) || Number(row[at('ttft_p95_ms')]) > 0)).toBe(true);
  });

  test('one call is found by its id in any range, with every column', async () => {
    const found = queries.find(({ name }) => name.endsWith('One call'));
    const call = rows[100] as CallRow;
    const { data } = await ask(expandFor(found?.sql ?? '', { ...EMPTY, variables: { call: call.id } }));
    const facts = new Map(data as [string, string][]);
    expect(facts.size).toBe(Object.keys(call).length);
    expect(facts.get('project')).toBe(call.project);
    expect(facts.get('input_audio_tokens')).toBe('not known');
  });

  test('filters of the Calls board narrow the list', async () => {
    const found = queries.find(({ name }) => name.endsWith(' Calls') && name.startsWith('calls'));
    const { data, meta } = await ask(
      expandFor(found?.sql ?? '', { ...WEEK, variables: { outcome: ['rate_limited'], user: 'user-7', duration_min: '1' } }),
    );
    const column = (name: string) => data.map((row) => row[meta.findIndex((each) => each.name === name)]);
    expect(data.length).toBe(
      rows.filter(({ outcome, user_id, duration_ms }) => outcome === 'rate_limited' && user_id === 'user-7' && Number(duration_ms) >= 1)
        .length,
    );
    expect(new Set([...column('outcome'), 'rate_limited'])).toEqual(new Set(['rate_limited']));
  });
});

test('the loss meter counts the numbers that are missing, and no call that may still be on its way', async () => {
  const at = (minutesAgo: number) => new Date(Date.now() - minutesAgo * 60_000).toISOString().slice(0, 23).replace('T', ' ').concat('000');
  const call = (seq: number, minutesAgo: number) =>
    sampleCall({ id: `loss-${seq}`, proxy_id: 'proxy-lossy', seq, started_at: at(minutesAgo) });
  // 3, 6 and 7 are missing; 10 may be under way, for 11 is young.
  await insertCalls(server.client, [call(1, 300), call(2, 290), call(4, 280), call(5, 270), call(8, 200), call(9, 100), call(11, 1)]);
  const rule = RULES.find(({ uid }) => uid === 'glassway-loss');
  const sql = expand(rule?.sql ?? '', { from: new Date(Date.now() - 6 * HOUR_MS), to: new Date(), intervalMs: 60_000, variables: {} });
  const { data } = await ask(`${sql} WHERE proxy = 'proxy-lossy'`);
  expect(data).toEqual([['proxy-lossy', 3]]);
});

describe('what the processes said of themselves', () => {
  /** Before the sample's, and young enough to be kept. */
  const from = before(10);
  const choice: Choice = { from, to: new Date(from.getTime() + 10 * 60_000) };
  const said = (
    metric: string,
    instance: string,
    label: string,
    values: readonly (readonly [second: number, value: number])[],
  ): HealthRow[] => values.map(([second, value]) => ({ metric, instance, label, at: from.getTime() / 1000 + second, value }));
  const answer = async (panel: string, range = choice) => {
    const found = queries.find(({ name }) => name.startsWith('pipeline') && name.endsWith(panel));
    const { data } = await ask(expandFor(found?.sql ?? '', range));
    return data.map(([time, ...rest]) => [String(time).slice(14, 16), ...rest]);
  };

  test('counters are what was added, though one began anew, one came late, and two ingests wrote the same one down', async () => {
    const shipped = 'glassway_proxy_batches_total';
    await insertHealth(server.client, [
      ...said('glassway_proxy_queue_records', 'p:1', '', [
        [0, 3],
        [60, 9],
        [75, 4],
      ]),
      ...said(shipped, 'p:1', 'ok', [
        [0, 100],
        [1, 100],
        [30, 110],
        [31, 110],
        [60, 5],
        [61, 5],
        [75, 6],
      ]),
      ...said(shipped, 'p:1', 'retried', [[65, 2]]),
    ]);
    expect(await answer('Batches shipped')).toEqual([
      ['00', 'ok', 10],
      ['01', 'ok', 6],
      ['01', 'retried', 2],
    ]);
    expect(await answer('Records waiting to be shipped')).toEqual([
      ['00', 'p:1', 3],
      ['01', 'p:1', 9],
    ]);
  });

  test('of a process that says when it began nothing is lost or counted twice, over minutes and in one sum over weeks', async () => {
    const dropped = 'glassway_proxy_records_dropped_total';
    const life = (began: number, values: readonly (readonly [number, number])[]) =>
      said(dropped, 'p:2', 'journal_full', values).map((row) => ({ ...row, began: from.getTime() / 1000 + began }));
    await insertHealth(server.client, [
      ...life(-30 * 86_400, [
        [0, 100],
        [30, 104],
        // Read before the one above and written down after it, by another ingest.
        [31, 103],
      ]),
      // Begins anew and soon has more than it had before; its worker's count is missing in one answer.
      ...life(40, [
        [50, 3],
        [65, 300],
        [70, 10],
        [130, 301],
        [190, 20],
        [250, 302],
      ]),
    ]);
    expect(await answer('Records dropped')).toEqual([
      ['00', 'journal_full', 7],
      ['01', 'journal_full', 297],
      ['02', 'journal_full', 1],
      ['04', 'journal_full', 1],
    ]);
    const weeks = { from: new Date(from.getTime() - 20 * 86_400_000), to: new Date(from.getTime() + 600_000) };
    const sums = await answer('Records dropped', weeks);
    // The hundred from before the first sample are nobody's: ingest was not there.
    expect(sums.reduce((sum, [, , records]) => sum + Number(records), 0)).toBe(306);
  });

  test('of a histogram quantiles lie between its bounds, and not beyond the last', async () => {
    const bucket = 'glassway_ingest_insert_seconds_bucket';
    const pulse = said('glassway_ingest_ready', 'i:1', '', [
      [0, 1],
      [60, 1],
      [120, 1],
    ]);
    const bound = (label: string, values: readonly (readonly [number, number])[]) => said(bucket, 'i:1', label, values);
    await insertHealth(server.client, [
      ...pulse,
      ...bound('0.1', [
        [0, 0],
        [60, 5],
        [120, 5],
      ]),
      ...bound('0.2', [
        [0, 0],
        [60, 10],
        [120, 10],
      ]),
      ...bound('+Inf', [
        [0, 0],
        [60, 10],
        [120, 14],
      ]),
    ]);
    const [first, second] = await answer('ClickHouse inserts');
    expect(first).toEqual(['01', expect.closeTo(0.1), expect.closeTo(0.19)]);
    expect(second).toEqual(['02', 0.2, 0.2]);
  });
});

test.each(RULES.map((rule) => [rule.title, rule] as const))(
  'alert "%s" answers with labels and one number',
  async (_, { sql, windowMinutes }) => {
    for (const to of [NOW, EMPTY.to]) {
      const { meta, data } = await ask(
        expand(sql, { from: new Date(to.getTime() - windowMinutes * 60_000), to, intervalMs: 60_000, variables: {} }),
      );
      expect(meta.filter(({ type }) => isNumber(type)).map(({ name }) => name)).toEqual(['value']);
      expect(meta.filter(({ type }) => !isNumber(type) && !isText(type))).toEqual([]);
      const labels = data.map((row) => JSON.stringify(row.slice(0, -1)));
      expect(new Set(labels).size).toBe(labels.length);
    }
  },
);

test('every list of values has values, and none where nothing was called', async () => {
  const lists = [...readDashboards().values()].flatMap(({ templating }) => templating.list).filter(({ type }) => type === 'query');
  const statements = [...new Set(lists.map(({ query }) => (typeof query === 'object' ? query.rawSql : '')))];
  expect(statements.length).toBeGreaterThan(3);
  for (const sql of statements) {
    expect((await ask(expandFor(sql, WEEK))).data.length).toBeGreaterThan(1);
    expect((await ask(expandFor(sql, EMPTY))).data).toEqual([]);
  }
});
