/**
 * Secrets at random places of random JSON, written in random ways, in streams cut at random places: none survives, and
 * what stands around them does.
 */
import fc from 'fast-check';
import { REDACT_CLASSES } from '../../contract/privacy-settings.ts';
import { redactBody } from '../../proxy/redact/body.ts';
import { createFinder } from '../../proxy/redact/find.ts';

const finder = createFinder({ classes: [...REDACT_CLASSES], patterns: [] });
const SECRETS = [
  ...['john.doe@example.com', '+49 30 901820', '4111 1111 1111 1111', '5555555555554444', 'DE89 3704 0044 0532 0130 00', '123-45-6789'],
  ...[
    '2001:db8::dead:beef',
    '203.0.113.77',
    `sk-${'proj-abcdefghijkl1234567890'}`,
    `ghp_${'16C7e42F292c6912E7710c838347Ae178B4a'}`,
    '86095742719',
  ],
];
const word = fc.constantFrom(
  'alpha',
  'beta',
  'gamma',
  'delta',
  'eine',
  'zwei',
  'süß',
  '世界',
  '“quoted”',
  'line\nbreak',
  'tab\there',
  'back\\slash',
  '😀',
);
const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((list) => list.join(' '));
const secret = fc.constantFrom(...SECRETS);

/** Every character, or some, as JSON may write them. */
const jsonOf = (text: string, every: number): string =>
  `"${[...text]
    .map((character, i) =>
      every > 0 && i % every === 0 && character.length === 1
        ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
        : JSON.stringify(character).slice(1, -1),
    )
    .join('')}"`;

const stored = (body: string, contentType: string, cut = false): string => {
  const text = redactBody({ bytes: Buffer.from(body), contentType, contentEncoding: '', cut }, finder, 1024 * 1024);
  finder.forget();
  return text;
};

test('in random JSON, under any key, nested as JSON in JSON, in any escapes', () => {
  fc.assert(
    fc.property(
      words,
      secret,
      words,
      fc.nat({ max: 3 }),
      fc.nat({ max: 4 }),
      fc.jsonValue(),
      (before, value, after, depth, every, other) => {
        let content: unknown = `${before} ${value} ${after}`;
        for (let i = 0; i < depth; i += 1) content = i % 2 === 0 ? { [`k${i}`]: [content] } : JSON.stringify(content);
        const body = `{"other":${JSON.stringify(other)},"content":${typeof content === 'string' ? jsonOf(content, every) : JSON.stringify(content)}}`;
        const clean = stored(body, 'application/json');
        expect(clean).not.toContain(value);
        expect(JSON.stringify(JSON.parse(clean))).toContain('[redacted:');
        if (depth === 0) {
          const parsed = (JSON.parse(clean) as { content: string }).content;
          expect(parsed.startsWith(`${before} [redacted:`)).toBe(true);
          expect(parsed.endsWith(`] ${after}`)).toBe(true);
        }
      },
    ),
    { numRuns: 400 },
  );
});

/** A text in pieces of random lengths. */
const cutAt = (text: string, lengths: readonly number[]): string[] => {
  const pieces: string[] = [];
  let at = 0;
  for (let i = 0; at < text.length; i += 1) {
    const length = Math.max(1, lengths[i % lengths.length] ?? 1);
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
};

const SHAPES: readonly ((text: string, i: number) => unknown)[] = [
  (text) => ({ id: 'chatcmpl-1', choices: [{ index: 0, delta: { content: text } }] }),
  (text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  (text) => ({ type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: text } }),
  (text, i) => ({
    type: 'response.output_text.delta',
    item_id: 'msg_1',
    output_index: 0,
    content_index: 0,
    sequence_number: i,
    delta: text,
  }),
  (text) => ({ candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0 }] }),
  (text) => ({ model: 'llama', message: { role: 'assistant', content: text }, done: false }),
  (text) => ({ type: 'content-delta', index: 0, delta: { message: { content: { text } } } }),
];
const LENGTHS = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });

/** All texts of the stored events, put together again. */
const together = (events: string): string =>
  [...events.matchAll(/"(?:content|text|partial_json|delta)":"((?:[^"\\]|\\.)*)"/g)]
    .map((match) => JSON.parse(`"${match[1]}"`) as string)
    .join('');

test('in streams of every dialect, whatever the cuts', () => {
  fc.assert(
    fc.property(words, secret, words, LENGTHS, fc.nat({ max: SHAPES.length - 1 }), (before, value, after, lengths, shape) => {
      const events = cutAt(`${before} ${value} ${after}`, lengths).map(
        (piece, i) => `data: ${JSON.stringify(SHAPES[shape]?.(piece, i))}\n\n`,
      );
      const clean = together(stored(events.join(''), 'text/event-stream'));
      const left = clean.replace(/\[redacted:[a-z_]+\]/g, '');
      expect(left).toBe(`${before}  ${after}`);
    }),
    { numRuns: 400 },
  );
});

test('in streams that break off anywhere no piece is left', () => {
  fc.assert(
    fc.property(words, secret, fc.nat({ max: 40 }), LENGTHS, (before, value, keep, lengths) => {
      const begun = value.slice(0, 1 + (keep % value.length));
      const events = cutAt(`${before} ${begun}`, lengths).map((piece, i) => `data: ${JSON.stringify(SHAPES[0]?.(piece, i))}\n\n`);
      const clean = together(stored(events.join(''), 'text/event-stream', true)).replace(/\[redacted:[a-z_]+\]/g, '');
      expect(`${before} `.startsWith(clean)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('whatever bytes come, nothing throws', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom('application/json', 'text/event-stream', 'multipart/form-data; boundary=x', 'application/vnd.amazon.eventstream', ''),
      fc.boolean(),
      (bytes, contentType, cut) => {
        expect(typeof redactBody({ bytes, contentType, contentEncoding: '', cut }, finder, 1_000)).toBe('string');
      },
    ),
    { numRuns: 300 },
  );
});
