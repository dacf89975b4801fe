/**
 * Thousands of secrets through every endpoint that the code's own table knows, in every mode of capture: in headers and
 * queries, prompts, answers, streams that are cut within a secret, tool arguments, uploads, batches and error messages, with
 * proxy, ingest and engine killed on the way. Then everything that Glassway has written or says is searched for them: nothing may
 * be found of a project that keeps metadata, nothing of the classes that it names of one that keeps redacted bodies, and of one
 * that keeps all no credential.
 */
import { UPSTREAMS } from '../../proxy/providers/index.ts';
import { unmet } from '../kit/canary/endpoints.ts';
import { type CanaryReport, HELD_KEY, runCanaries } from '../kit/canary/run.ts';
import { waitFor } from '../kit/glassway.ts';

let report: CanaryReport;
beforeAll(async () => {
  report = await runCanaries();
}, 300_000);
afterAll(() => report?.stop());

/** ClickHouse may have closed the connection while the search kept this process busy. */
const one = async (sql: string): Promise<Record<string, unknown> | undefined> =>
  (await waitFor('an answer', () => report.glassway.query(sql).catch(() => undefined)))[0];

test('every endpoint of the code’s own table has its calls', () => {
  expect(unmet()).toEqual([]);
});

test('none of the planted secrets is found anywhere, in any form', () => {
  expect(report.planted).toBeGreaterThanOrEqual(2_000);
  expect(report.hits).toEqual([]);
});

test('what is kept on purpose is found in each kind of place, so that nothing was searched in vain', () => {
  const searched = [...report.searched];
  for (const kind of ['journal file ', 'table glassway.calls', 'page /api/calls/', 'export /v#/traces', 'file clickhouse/'])
    expect([kind, searched.some((name) => name.startsWith(kind))]).toEqual([kind, true]);
  // Those were asked of processes that were about to be killed.
  expect(report.places.filter((name) => name.startsWith('report ')).length).toBeGreaterThanOrEqual(3);
});

test('the calls were made: to every upstream, in every mode, with bodies where they are kept, and with the key that is held', async () => {
  const upstreams = Object.keys(UPSTREAMS).filter((name) => !name.startsWith('demo-'));
  for (const project of ['metadata', 'redacted', 'full'])
    expect(await one(`SELECT arraySort(groupUniqArray(upstream)) AS upstreams FROM calls WHERE project = '${project}'`)).toEqual({
      upstreams: upstreams.sort(),
    });
  expect(await one('SELECT uniq(project) AS n FROM calls WHERE status = 101')).toEqual({ n: 3 });
  expect(report.provider.shown.get(`Bearer ${HELD_KEY}`)).toBeGreaterThanOrEqual(12);
  const bodies =
    await one(`SELECT countIf(project = 'metadata') AS metadata, countIf(project = 'redacted' AND request LIKE '%[redacted:%') AS redacted,
    countIf(project = 'full' AND request LIKE '%Please note%') AS full FROM bodies`);
  expect(bodies).toMatchObject({ metadata: 0 });
  expect(bodies?.['redacted']).toBeGreaterThan(100);
  expect(bodies?.['full']).toBeGreaterThan(100);
});
