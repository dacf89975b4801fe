/** Tables as files: what a spreadsheet and a program read back is what was there, and never a formula. */
import { csvCell, csvLine } from '../../../ingest/console/page/csv.ts';
import { formatOrder, parseOrder } from '../../../ingest/console/page/explorer/order-text.ts';
import { tableText } from '../../../ingest/console/page/explorer/table-text.ts';

test.each<[Parameters<typeof csvCell>[0], string]>([
  ['plain', 'plain'],
  [12.5, '12.5'],
  [-3, '-3'],
  ['-3', '-3'],
  ['-3e5', '-3e5'],
  [null, ''],
  [true, 'true'],
  ['', ''],
  ['a,b', '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ['two\nlines', '"two\nlines"'],
  [' padded ', '" padded "'],
  ['=1+1', "'=1+1"],
  ['+49 30 1', "'+49 30 1"],
  ['-1+cmd', "'-1+cmd"],
  ['@here', "'@here"],
  ['\t=1', "'\t=1"],
  ['\uff1d1', "'\uff1d1"],
  ['  =1', "'  =1"],
  [{ a: 1 }, '"{""a"":1}"'],
])('%j becomes %j', (cell, text) => {
  expect(csvCell(cell)).toBe(text);
});

test('a line ends as RFC 4180 has it', () => {
  expect(csvLine(['a', 1, null])).toBe('a,1,\r\n');
});

test('a panel’s table keeps its order, its times as ISO 8601, and its numbers whole', () => {
  const columns = [
    { name: 'minute', kind: 'time' as const, values: [0, 60_000] },
    { name: 'model', kind: 'text' as const, values: ['=a', null] },
    { name: 'cost', kind: 'number' as const, values: [0.1, null] },
  ];
  expect(tableText({ columns, order: [1, 0] }, 'csv')).toBe(
    "minute,model,cost\r\n1970-01-01T00:01:00.000Z,,\r\n1970-01-01T00:00:00.000Z,'=a,0.1\r\n",
  );
  expect(JSON.parse(tableText({ columns, order: [0] }, 'json'))).toEqual([{ minute: '1970-01-01T00:00:00.000Z', model: '=a', cost: 0.1 }]);
});

test.each(['', 'cost', 'cost.asc', 'time.asc'])('the order %j stands in the address and comes back', (text) => {
  expect(formatOrder(parseOrder(text, ['time', 'cost']))).toBe(text);
});

test.each(['price', 'cost.down', 'cost.asc.x', '.asc'])('an order %j that there is not is the usual one or the nearest', (text) => {
  expect(['', 'cost', 'cost.asc']).toContain(formatOrder(parseOrder(text, ['time', 'cost'])));
});
