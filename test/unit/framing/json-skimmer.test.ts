import { JSON_WHOLE_BYTES_MAX, JsonReader } from '../../../proxy/framing/json.ts';
import {
  ARRAY_ELEMENTS_MAX,
  DEPTH_MAX,
  ELIDED,
  JsonSkimmer,
  STRING_BYTES_MAX,
  VALUES_HARD_MAX,
} from '../../../proxy/framing/json-skimmer.ts';

function skim(text: string | Uint8Array, pieceBytes = 7): unknown {
  const bytes = Buffer.from(text);
  const skimmer = new JsonSkimmer();
  for (let at = 0; at < bytes.length; at += pieceBytes) skimmer.push(bytes.subarray(at, at + pieceBytes));
  return skimmer.end();
}

test.each([
  '{"a":[1,-2.5e-3,true,false,null,"x"],"b":{"c":"\\u00fc\\ud83d\\ude00\\n\\"\\\\"},"d":"Grüße 世界"}',
  ' [ ] ',
  '"text"',
  '0',
  '-0.0',
  '1e400',
  '123456789012345678901234567890',
  '{"a":1,"a":2}',
  '\ufeff{"a":1}',
])('reads %s as JSON.parse does', (text) => {
  for (const pieceBytes of [1, 2, 3, 1000]) expect(skim(text, pieceBytes)).toEqual(JSON.parse(text.replace('\ufeff', '')));
});

test.each([
  '',
  ' ',
  '{',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '[1,]',
  '[1 2]',
  '01',
  '1.',
  '.5',
  '+1',
  '--1',
  '1e',
  'tru',
  'truex',
  '"\\x"',
  '"\\u12g4"',
  '"a',
  '"\n"',
  '{} {}',
  '[}',
  "{'a':1}",
  'NaN',
  '{"a":1}]',
])('takes %s for no JSON', (text) => {
  for (const pieceBytes of [1, 1000]) expect(skim(text, pieceBytes)).toBeUndefined();
});

test('elides a long string and keeps what stands around it', () => {
  const body = JSON.stringify({ model: 'm', image: 'A'.repeat(5_000_000), usage: { input_tokens: 3 } });
  expect(skim(body, 65_536)).toEqual({ model: 'm', image: ELIDED, usage: { input_tokens: 3 } });
});

test('keeps a string of just the length that is allowed', () => {
  const text = 'ü'.repeat(STRING_BYTES_MAX / 2);
  expect(skim(JSON.stringify({ text }), 65_536)).toEqual({ text });
  expect(skim(JSON.stringify({ text: `${text}.` }), 65_536)).toEqual({ text: ELIDED });
});

test('cuts long arrays short and drops whole elements once many values are held', () => {
  const vectors = Array.from({ length: 200 }, () => Array.from({ length: 3000 }, (_, index) => index / 7));
  const body = JSON.stringify({ data: vectors.map((embedding) => ({ embedding })), model: 'm', usage: { total_tokens: 9 } });
  const value = skim(body, 16_384) as { data: { embedding: number[] }[]; model: string; usage: object };
  expect(value.data[0]?.embedding).toEqual(vectors[0]?.slice(0, ARRAY_ELEMENTS_MAX));
  expect(value.data.length).toBeLessThan(100);
  expect(value).toMatchObject({ model: 'm', usage: { total_tokens: 9 } });
});

test('gives up on an object of too many fields, and on too deep a nesting', () => {
  const fields = Array.from({ length: VALUES_HARD_MAX + 10 }, (_, index) => `"k${index}":1`).join(',');
  expect(skim(`{${fields}}`, 65_536)).toBeUndefined();
  expect(skim('['.repeat(DEPTH_MAX + 1) + ']'.repeat(DEPTH_MAX + 1))).toBeUndefined();
  expect(skim('['.repeat(DEPTH_MAX) + ']'.repeat(DEPTH_MAX))).toBeDefined();
});

test('takes a key named __proto__ for a field like any other', () => {
  const value = skim('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('a reader parses small bodies exactly and skims large ones, whatever the pieces', () => {
  const read = (text: string, pieceBytes: number): unknown => {
    const reader = new JsonReader();
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
    return reader.end();
  };
  const small = JSON.stringify({ text: 'x'.repeat(STRING_BYTES_MAX + 1) });
  const large = JSON.stringify({ text: 'x'.repeat(JSON_WHOLE_BYTES_MAX), last: 1 });
  for (const pieceBytes of [1000, 100_000]) {
    expect(read(small, pieceBytes)).toEqual(JSON.parse(small));
    expect(read(large, pieceBytes)).toEqual({ text: ELIDED, last: 1 });
  }
});
