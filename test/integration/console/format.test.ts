/** How figures become text. */
import {
  formatBytes,
  formatChange,
  formatCost,
  formatCount,
  formatDuration,
  formatPercent,
  formatRange,
  formatSeconds,
  share,
} from '../../../ingest/console/page/format.ts';

test('what is not known is a dash, and never a zero', () => {
  for (const format of [formatBytes, formatCost, formatCount, formatDuration, formatPercent]) expect(format(null)).toBe('–');
  expect(formatPercent(share(1, null))).toBe('–');
  expect(formatPercent(share(0, 0))).toBe('–');
  expect(formatChange(null, 1)).toBeUndefined();
  expect(formatChange(1, 0)).toBeUndefined();
});

test.each([
  [0, '$0'],
  [0.000000123, '$0.000000123'],
  [0.0001234, '$0.000123'],
  [0.93, '$0.930'],
  [1.005, '$1.01'],
  [1234.5, '$1,234.50'],
  [123_456, '$123k'],
])('a cost of %d dollars is %s', (usd, text) => expect(formatCost(usd)).toBe(text));

test.each([
  [0, '0'],
  [9999, '9,999'],
  [10_000, '10.0k'],
  [999_949, '1.00M'],
  [1_500_000, '1.50M'],
  [2_340_000_000, '2.34B'],
])('a count of %d is %s', (count, text) => expect(formatCount(count)).toBe(text));

test.each([
  [0.042, '0.042 ms'],
  [8.25, '8.3 ms'],
  [640.4, '640 ms'],
  [999.6, '1.00 s'],
  [12_040, '12.0 s'],
  [59_960, '1m 00s'],
  [125_000, '2m 05s'],
  [3_599_900, '1h 00m'],
])('a duration of %d ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

test.each([
  [0, '0%'],
  [0.00001, '<0.01%'],
  [0.0042, '0.42%'],
  [0.0778, '7.8%'],
  [0.99999, '>99.99%'],
  [1, '100%'],
])('a share of %d is %s', (part, text) => expect(formatPercent(part)).toBe(text));

test('a change says how much and which way, and a large one says how many times', () => {
  expect(formatChange(110, 100)).toEqual({ text: '10%', direction: 1 });
  expect(formatChange(50, 100)).toEqual({ text: '50%', direction: -1 });
  expect(formatChange(100.1, 100)).toEqual({ text: '0%', direction: 0 });
  expect(formatChange(1900, 100)).toEqual({ text: '×19', direction: 1 });
});

test('a bucket is named in the largest unit that fits', () => {
  expect([10, 60, 900, 3600, 43_200, 604_800].map(formatSeconds)).toEqual([
    '10 seconds',
    'minute',
    '15 minutes',
    'hour',
    '12 hours',
    'week',
  ]);
});

test('a time range from the address bar may be anything', () => {
  expect(formatRange('yesterday', '')).toBe('yesterday – now');
  expect(formatRange('yesterday', 'today')).toBe('yesterday – today');
  expect(formatRange('2026-01-31T12:00:00', '2026-01-31T13:30:00')).toMatch(/^31 Jan,? 12:00 – 13:30$/);
  expect(formatRange('2026-01-31T12:00:00', '2026-02-01T13:30:00')).toMatch(/ – 1 Feb,? 13:30$/);
});
