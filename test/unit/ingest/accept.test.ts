import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { BATCH_CONTENT_TYPE, BATCH_ID_HEADER } from '../../../contract/record.ts';
import { parseLines, readBody, readHead } from '../../../ingest/accept.ts';
import { WorkBudget } from '../../../ingest/budget.ts';
import { Refusal } from '../../../ingest/refusal.ts';
import { sampleRecord } from './sample.ts';

const good = JSON.stringify(sampleRecord());
const lines = (text: string | Buffer, rowsMax?: number) => [...parseLines(Buffer.from(text), rowsMax)];
const reasons = (text: string | Buffer) =>
  lines(text).map((parsed) => ('reason' in parsed ? `${parsed.line}: ${parsed.reason}` : parsed.line));

function refusalOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Refusal) return `${error.status} ${error.code}`;
    throw error;
  }
  return 'taken';
}

/** Sends a real request and gives what readBody makes of it. */
async function readOverHttp(
  body: Buffer,
  options: { gzip: boolean; bytesMax: number; reserve?: (bytes: number) => void },
): Promise<Buffer | Refusal> {
  let outcome: Promise<Buffer | Refusal> | undefined;
  const server = createServer((request, response) => {
    outcome = readBody(request, { reserve: () => {}, ...options }).catch((error: unknown) => {
      if (error instanceof Refusal) return error;
      throw error;
    });
    outcome.then(
      () => response.end(),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: new Uint8Array(body) });
  await answer.arrayBuffer();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  if (outcome === undefined) throw new Error('the request did not arrive');
  return outcome;
}

describe('the head of a batch', () => {
  const head = (headers: Record<string, string>) => refusalOf(() => readHead({ headers } as unknown as IncomingMessage));
  const right = { 'content-type': BATCH_CONTENT_TYPE, [BATCH_ID_HEADER]: 'proxy-1:1-500' };

  test('is taken with content type and batch id, compressed or not', () => {
    expect(head(right)).toBe('taken');
    expect(head({ ...right, 'content-type': 'Application/X-NDJSON; charset=utf-8', 'content-encoding': 'GZIP' })).toBe('taken');
  });

  test.each([
    ['no content type', { 'content-type': '' }, '415 unsupported_type'],
    ['JSON instead of lines', { 'content-type': 'application/json' }, '415 unsupported_type'],
    ['another compression', { 'content-encoding': 'br' }, '415 unsupported_encoding'],
    ['an empty batch id', { [BATCH_ID_HEADER]: '' }, '400 invalid_batch_id'],
    ['a batch id of 129 characters', { [BATCH_ID_HEADER]: 'x'.repeat(129) }, '400 invalid_batch_id'],
    ['a batch id with a quote', { [BATCH_ID_HEADER]: "a'b" }, '400 invalid_batch_id'],
  ])('is refused with %s', (_what, change, want) => {
    expect(head({ ...right, ...change } as Record<string, string>)).toBe(want);
  });
});

describe('the body of a batch', () => {
  test('comes out as it was sent, compressed or not, and in several gzip members', async () => {
    const body = Buffer.from(`${good}\n`.repeat(50));
    expect(await readOverHttp(body, { gzip: false, bytesMax: body.length })).toEqual(body);
    expect(await readOverHttp(gzipSync(body), { gzip: true, bytesMax: body.length })).toEqual(body);
    expect(await readOverHttp(Buffer.concat([gzipSync('a'), gzipSync('b')]), { gzip: true, bytesMax: 42 })).toEqual(Buffer.from('ab'));
  });

  test('is refused beyond the limit, however small it was made by compression', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    let reserved = 0;
    const refusal = await readOverHttp(bomb, { gzip: true, bytesMax: 1024 * 1024, reserve: (bytes) => (reserved += bytes) });
    expect(refusal).toMatchObject({ code: 'batch_too_large', status: 413 });
    expect(reserved).toBeLessThanOrEqual(1024 * 1024);
  });

  test('is refused by what it announces, before it is read', async () => {
    expect(await readOverHttp(Buffer.alloc(100), { gzip: false, bytesMax: 99 })).toMatchObject({ code: 'batch_too_large' });
  });

  test.each([
    ['no gzip at all', Buffer.from('plain text')],
    ['gzip cut short', gzipSync(good.repeat(20)).subarray(0, 60)],
    ['gzip with a flipped bit', ((bytes) => bytes.fill(0xff, 30, 40))(gzipSync(good.repeat(20)))],
    ['nothing', Buffer.alloc(0)],
  ])('that says gzip and is %s is refused for good', async (_what, body) => {
    expect(await readOverHttp(body, { gzip: true, bytesMax: 1e6 })).toMatchObject({ code: 'invalid_encoding', status: 400 });
  });

  test('of a client that goes away ends as incomplete, not as a wait for ever', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const arrived = new Promise<IncomingMessage>((resolve) => server.once('request', resolve));
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n`);
    client.write(gzipSync(good).subarray(0, 20));
    const reading = readBody(await arrived, { gzip: true, bytesMax: 1e6, reserve: () => {} });
    client.destroy();
    await expect(reading).rejects.toMatchObject({ code: 'incomplete_body', status: 408 });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('the lines of a batch', () => {
  test('are records with their line numbers; blank lines, CR LF and a missing last newline are no fault', () => {
    expect(reasons(`${good}\n\n${good}\r\n${good}`)).toEqual([1, 3, 4]);
    expect(reasons('')).toEqual([]);
  });

  test('that are no records are told apart from the others by line and reason', () => {
    expect(reasons(`${good}\n{"v":1}\nnot json\n[]\n${good}`)).toEqual([
      1,
      '2: id: missing, want a string of at most 65536 characters',
      '3: not JSON',
      '4: a record is a JSON object, got []',
      5,
    ]);
  });

  test('that are not UTF-8 do not spoil the others', () => {
    const broken = Buffer.concat([Buffer.from(`${good}\n"`), Buffer.from([0xc3, 0x28]), Buffer.from(`"\n${good}\n`)]);
    expect(reasons(broken)).toEqual([1, '2: not UTF-8', 3]);
  });

  test('of which none is JSON make the batch no batch', () => {
    expect(refusalOf(() => lines('<html>\n<body>'))).toBe('400 not_ndjson');
    expect(refusalOf(() => lines(Buffer.from([0xff, 0xfe, 0x00])))).toBe('400 not_ndjson');
    expect(refusalOf(() => lines('{}\n{}'))).toBe('taken');
  });

  test('are bounded in number, blank ones included', () => {
    expect(refusalOf(() => lines('{}\n{}\n', 2))).toBe('taken');
    expect(refusalOf(() => lines('{}\n{}\n{}', 2))).toBe('413 too_many_rows');
    expect(refusalOf(() => lines('\n'.repeat(100), 99))).toBe('413 too_many_rows');
  });

  test.each([
    ['a date that does not exist', { started_at: '2026-02-30 00:00:00.000000' }],
    ['an hour that does not exist', { started_at: '2026-02-03 24:00:00.000000' }],
    ['a year that ClickHouse cannot hold', { started_at: '9999-01-01 00:00:00.000000' }],
    ['a duration beyond Float32', { duration_ms: 1e39 }],
    ['a cost beyond the column', { provider_cost_usd: 1e21 }],
  ])('with %s are set aside, since ClickHouse would refuse the batch for them', (_what, change) => {
    expect(reasons(`${JSON.stringify({ ...sampleRecord(), ...change })}\n${good}`)).toEqual([
      expect.stringContaining(Object.keys(change)[0] ?? ''),
      2,
    ]);
  });

  test('never carry what they hold into the reason when they are not JSON', () => {
    expect(reasons(`{"secret prompt\n${good}`)).toEqual(['1: not JSON', 2]);
  });
});

describe('the budget of work', () => {
  test('refuses what goes beyond its bytes or batches, and takes it once there is room again', () => {
    const budget = new WorkBudget({ batches: 2, bytes: 100 });
    const first = budget.enter();
    first.add(60);
    const second = budget.enter();
    expect(refusalOf(() => second.add(41))).toBe('503 overloaded');
    expect(refusalOf(() => budget.enter())).toBe('503 overloaded');
    first.release();
    first.release();
    second.add(41);
    expect(refusalOf(() => budget.enter())).toBe('taken');
    expect(budget.bytes).toBe(41);
    second.release();
    expect(budget.bytes).toBe(0);
  });
});
