import { parseRecord } from '../../contract/record.ts';

test('a record without fields is refused with the first field that is missing', () => {
  expect(parseRecord({ v: 1 })).toEqual({ reason: 'id: missing, want a string of at most 65536 characters' });
});
