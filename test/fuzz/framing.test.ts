/** Properties of the framings: no input makes them throw, and how the bytes are cut changes nothing. */
import fc from 'fast-check';
import { createAwsEventStreamDeframer } from '../../proxy/framing/aws-event-stream.ts';
import type { Deframer, OnFrame } from '../../proxy/framing/frame.ts';
import { createJsonArrayDeframer } from '../../proxy/framing/json-array.ts';
import { JsonSkimmer } from '../../proxy/framing/json-skimmer.ts';
import { createMultipartReader } from '../../proxy/framing/multipart.ts';
import { createNdjsonDeframer } from '../../proxy/framing/ndjson.ts';
import { createSseDeframer } from '../../proxy/framing/sse.ts';
import { awsMessage } from '../fixtures/providers/fixture.ts';

const DEFRAMERS: readonly (readonly [string, (onFrame: OnFrame) => Deframer])[] = [
  ['server-sent events', createSseDeframer],
  ['newline-delimited JSON', createNdjsonDeframer],
  ['a JSON array', createJsonArrayDeframer],
  ['an AWS event stream', createAwsEventStreamDeframer],
];

/** Bytes that look like something: pieces of the framings' own syntax, text, and noise. */
const WORDS = [
  'data:',
  'data: ',
  'event: x',
  ':',
  '\n',
  '\r',
  '\r\n',
  '\n\n',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  '\\',
  '{"a":"ü"}',
  '[DONE]',
  '\ufeff',
  '1e5',
  '-',
  'true',
  'nul',
  '--b0',
  '\r\n--b0\r\n',
  'content-disposition: form-data; name="a"',
];
const bytes = fc
  .array(
    fc.oneof(
      fc.constantFrom(...WORDS).map((word) => Buffer.from(word)),
      fc.uint8Array({ maxLength: 8 }).map((noise) => Buffer.from(noise)),
      fc.constant(awsMessage('e', { a: 1 })),
    ),
    {
      maxLength: 40,
    },
  )
  .map((pieces) => Buffer.concat(pieces));
const cuts = fc.array(fc.nat(200), { maxLength: 12 });

function piecesOf(whole: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...places].sort((a, b) => a - b);
  return [...sorted, whole.length].map((place, index) => Buffer.from(whole.subarray(index === 0 ? 0 : sorted[index - 1], place)));
}

function framesOf(create: (onFrame: OnFrame) => Deframer, pieces: readonly Buffer[]): unknown {
  const seen: unknown[] = [];
  const deframer = create((frame) => seen.push([frame.event, frame.data?.toString('latin1') ?? frame.value]));
  for (const piece of pieces) deframer.push(piece);
  deframer.end();
  return [seen, deframer.fault];
}

test.each(DEFRAMERS)('%s: any bytes in any pieces give the frames of the whole', (_name, create) => {
  fc.assert(
    fc.property(bytes, cuts, (whole, places) => expect(framesOf(create, piecesOf(whole, places))).toEqual(framesOf(create, [whole]))),
    { numRuns: 800 },
  );
});

/** The standard's algorithm on a whole text, line by line, as a second opinion. */
function standardSse(text: string): [string, string][] {
  const events: [string, string][] = [];
  let data: string[] = [];
  let event = '';
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  for (const line of [...body.split(/\r\n|\n|\r/), '']) {
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (line === '') {
      if (data.length > 0) events.push([event, data.join('\n')]);
      data = [];
      event = '';
    } else if (name === 'data') data.push(value);
    else if (name === 'event') event = value;
  }
  return events;
}

test('server-sent events: gives what the standard gives', () => {
  const line = fc.oneof(
    fc.constantFrom('data: ü', 'data', 'data:', 'event: e', 'event', ': c', 'id: 1', 'datax: 2', 'data : 3', '', ''),
    fc.stringMatching(/^[a-z: {}"]{0,12}$/),
  );
  const text = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 20 }).map((lines) => lines.flat().join(''));
  fc.assert(
    fc.property(fc.boolean(), text, cuts, (mark, lines, places) => {
      const whole = Buffer.from((mark ? '\ufeff' : '') + lines);
      const seen: [string, string][] = [];
      const deframer = createSseDeframer((frame) => seen.push([frame.event, frame.data?.toString('utf8') ?? '']));
      for (const piece of piecesOf(whole, places)) deframer.push(piece);
      deframer.end();
      expect(seen).toEqual(standardSse(whole.toString('utf8')));
    }),
    { numRuns: 1500 },
  );
});

function skim(pieces: readonly Buffer[]): unknown {
  const skimmer = new JsonSkimmer();
  for (const piece of pieces) skimmer.push(piece);
  return skimmer.end();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

test('the skimmer gives what JSON.parse gives, for any JSON in any pieces', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 3), cuts, (value, indent, places) => {
      const text = JSON.stringify(value, undefined, indent);
      expect(skim(piecesOf(Buffer.from(text), places))).toEqual(JSON.parse(text));
    }),
    { numRuns: 800 },
  );
});

test('the skimmer takes for JSON just what JSON.parse does', () => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\n"',
    '"\\u00fc"',
    '"',
    '\\',
    '1',
    '-',
    '0',
    '.',
    'e',
    '+',
    'true',
    'false',
    'null',
    'nul',
    ' ',
    '\n',
    '\t',
    '\u0000',
    'ü',
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 9 }), cuts, (tokens, places) => {
      const text = tokens.join('');
      expect(skim(piecesOf(Buffer.from(text), places))).toEqual(parse(text));
    }),
    { numRuns: 3000 },
  );
});

test('multipart forms: any bytes in any pieces give the fields of the whole', () => {
  const fieldsOf = (pieces: readonly Buffer[]): unknown => {
    const fields: unknown[] = [];
    const reader = createMultipartReader('multipart/form-data; boundary=b0', (name, value) => fields.push([name, value]));
    for (const piece of pieces) reader?.push(piece);
    return fields;
  };
  const whole = fc
    .tuple(bytes, bytes)
    .map(([a, b]) => Buffer.concat([a, Buffer.from('\r\n--b0\r\ncontent-disposition: form-data; name="m"\r\n\r\nv\r\n--b0'), b]));
  fc.assert(
    fc.property(whole, cuts, (body, places) => expect(fieldsOf(piecesOf(body, places))).toEqual(fieldsOf([body]))),
    { numRuns: 800 },
  );
});
