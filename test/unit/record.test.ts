import { CALL_COLUMNS } from '../../contract/columns.ts';
import { type CallRecord, parseRecord, RECORD_VERSION } from '../../contract/record.ts';

/** A record with a valid value in every column that the proxy fills. */
function validRecord(): CallRecord {
  const values = CALL_COLUMNS.filter((column) => column.from === 'proxy').map((column) => {
    if (column.type.startsWith('Nullable')) return [column.name, null];
    if (column.type.startsWith('UInt')) return [column.name, 1];
    if (column.type.endsWith('Float64)')) return [column.name, { limit_requests: 5 }];
    if (column.type.startsWith('Map')) return [column.name, { team: 'blue' }];
    return [column.name, column.type === 'Bool' ? false : 'text'];
  });
  return {
    ...Object.fromEntries(values),
    started_at: '2026-01-02 03:04:05.000006',
    outcome: 'ok',
    usage_source: 'none',
    v: RECORD_VERSION,
  } as CallRecord;
}

const reasonFor = (change: Record<string, unknown>): string => {
  const parsed = parseRecord({ ...validRecord(), ...change });
  return 'reason' in parsed ? parsed.reason : 'accepted';
};

test('a whole record is accepted as it is', () => {
  const record = validRecord();
  expect(parseRecord(record)).toEqual({ record });
});

test('a record without fields is refused with the first field that is missing', () => {
  expect(parseRecord({ v: 1 })).toEqual({ reason: 'id: missing, want a string of at most 65536 characters' });
});

test.each([null, [], 'text', 7, undefined])('%j is no record', (value) => {
  expect(parseRecord(value)).toMatchObject({ reason: expect.stringContaining('a record is a JSON object') });
});

test.each(CALL_COLUMNS.filter((column) => column.from === 'proxy').map((column) => column.name))(
  'a record without %s is refused by that name',
  (name) => {
    const { [name]: _left, ...rest } = validRecord();
    expect(parseRecord(rest)).toMatchObject({ reason: expect.stringMatching(new RegExp(`^${name}: missing, want `)) });
  },
);

test.each(CALL_COLUMNS.filter((column) => column.from === 'ingest').map((column) => column.name))(
  '%s is ingest’s to fill: a record that has it is refused',
  (name) => {
    expect(reasonFor({ [name]: null })).toContain(name);
  },
);

test.each([
  ['v', RECORD_VERSION + 1],
  ['v', 0],
  ['started_at', '2026-01-02T03:04:05Z'],
  ['outcome', 'fine'],
  ['usage_source', 'guessed'],
  ['status', 65_536],
  ['status', -1],
  ['status', 200.5],
  ['input_tokens', -1],
  ['input_tokens', '12'],
  ['input_tokens', 2 ** 53],
  ['request_bytes', null],
  ['duration_ms', -0.1],
  ['duration_ms', Number.NaN],
  ['stream', 1],
  ['tags', { a: 1 }],
  ['tags', []],
  ['path', 'x'.repeat(65_537)],
  ['provider_cost_usd', -1],
  ['provider_cost_usd', '1'],
  ['bodies', { capture: 'metadata', request: '', response: '' }],
  ['bodies', { capture: 'full', request: '' }],
  ['something_else', 1],
])('%s: %j is refused by its name', (name, value) => {
  expect(reasonFor({ [name]: value })).toContain(name);
});

test('a reason is one short line whatever the value', () => {
  expect(reasonFor({ outcome: 'x\n'.repeat(10_000) }).length).toBeLessThan(400);
  expect(reasonFor({ outcome: 'x\ny' })).not.toContain('\n');
});

test('what the provider says a call cost, and captured bodies, are accepted', () => {
  expect(reasonFor({ provider_cost_usd: 0.000012, bodies: { capture: 'full', request: 'a', response: 'b' } })).toBe('accepted');
});
