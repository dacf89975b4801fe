import { createAwsEventStreamDeframer } from '../../../proxy/framing/aws-event-stream.ts';
import { type Deframer, FRAME_BYTES_MAX, type OnFrame } from '../../../proxy/framing/frame.ts';
import { createJsonArrayDeframer } from '../../../proxy/framing/json-array.ts';
import { ELIDED } from '../../../proxy/framing/json-skimmer.ts';
import { createMultipartReader } from '../../../proxy/framing/multipart.ts';
import { createNdjsonDeframer } from '../../../proxy/framing/ndjson.ts';
import { createSseDeframer } from '../../../proxy/framing/sse.ts';
import { awsMessage } from '../../fixtures/providers/fixture.ts';

type Seen = readonly [event: string, data: unknown];

function frames(
  create: (onFrame: OnFrame) => Deframer,
  bytes: string | Uint8Array,
  pieceBytes: number,
): { seen: Seen[]; fault: string | undefined } {
  const seen: Seen[] = [];
  const deframer = create((frame) => seen.push([frame.event, frame.data ? frame.data.toString('utf8') : frame.value]));
  const buffer = Buffer.from(bytes);
  for (let at = 0; at < buffer.length; at += pieceBytes) deframer.push(buffer.subarray(at, at + pieceBytes));
  deframer.end();
  return { seen, fault: deframer.fault };
}

/** Every size of piece gives the same. */
function expectFrames(create: (onFrame: OnFrame) => Deframer, bytes: string | Uint8Array, wanted: readonly Seen[], fault?: string): void {
  const { length } = Buffer.from(bytes);
  for (let size = 1; size <= Math.min(length, 200); size += 1) expect(frames(create, bytes, size)).toEqual({ seen: wanted, fault });
  expect(frames(create, bytes, length)).toEqual({ seen: wanted, fault });
}

describe('server-sent events', () => {
  test.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('are told apart by %s', (_name, end) => {
    const lines = [
      'event: a',
      'data: {"x":"Grüße"}',
      '',
      ': comment',
      'data:1',
      'data: 2',
      'data',
      'id: 7',
      'retry: 5',
      '',
      '',
      'event: lost',
      '',
      'data:  two spaces',
      '',
      '',
    ];
    expectFrames(createSseDeframer, lines.join(end), [
      ['a', '{"x":"Grüße"}'],
      ['', '1\n2\n'],
      ['', ' two spaces'],
    ]);
  });

  test('begin after a byte order mark', () => expectFrames(createSseDeframer, '\ufeffdata: 1\n\n\ufeffdata: 2\n\n', [['', '1']]));

  test('are given out at the end of the body without their blank line', () => {
    expectFrames(createSseDeframer, 'data: 1\n\nevent: e\ndata: 2', [
      ['', '1'],
      ['e', '2'],
    ]);
    expectFrames(createSseDeframer, 'data: 2\n', [['', '2']]);
  });

  test('ignore fields that are none of ours, however long', () => {
    expectFrames(createSseDeframer, `database: 1\ndat: 2\n${'z'.repeat(300)}\neventual: x\ndata: 3\n\n`, [['', '3']]);
  });

  test('that are large are parsed as they come, long strings elided', () => {
    const large = JSON.stringify({ b64: 'A'.repeat(FRAME_BYTES_MAX * 3), usage: { output_tokens: 4 } });
    for (const size of [1000, 70_000, 1_000_000]) {
      expect(frames(createSseDeframer, `data: ${large}\n\ndata: 1\n\n`, size).seen).toEqual([
        ['', { b64: ELIDED, usage: { output_tokens: 4 } }],
        ['', '1'],
      ]);
    }
  });
});

test('newline-delimited JSON gives a frame a line, blank ones left out, the last one without its end', () => {
  expectFrames(createNdjsonDeframer, '{"a":"ü"}\n\r\n  \n{"b":2}\r\n{"c":3}', [
    ['', '{"a":"ü"}'],
    ['', '{"b":2}\r'],
    ['', '{"c":3}'],
  ]);
});

test('a JSON array gives its elements as they are closed', () => {
  const elements = ['{"a":"]},{[\\"ü"}', '{\n "b": [{}, {"c": 1}]}', '{}'];
  const wanted = elements.map((element): Seen => ['', element]);
  expectFrames(createJsonArrayDeframer, `[${elements.join(',\r\n')}\n]`, wanted);
  expectFrames(createJsonArrayDeframer, elements[0] as string, wanted.slice(0, 1));
  expectFrames(createJsonArrayDeframer, '[{"a":1},{"b":', [['', '{"a":1}']]);
  expectFrames(createJsonArrayDeframer, 'upstream error', [], 'bad_framing');
});

describe('AWS event streams', () => {
  const first = awsMessage('contentBlockDelta', { text: 'Grüße' });
  const second = awsMessage('throttlingException', { message: 'slow' }, 'exception');

  test('give named payloads', () => {
    expectFrames(createAwsEventStreamDeframer, Buffer.concat([first, second]), [
      ['contentBlockDelta', '{"text":"Grüße"}'],
      ['throttlingException', '{"message":"slow"}'],
    ]);
  });

  test('end at the first message whose checksum is wrong', () => {
    for (const place of [1, 9, 20, second.length - 6, second.length - 1]) {
      const damaged = Buffer.from(second);
      damaged[place] = (damaged[place] as number) ^ 1;
      expectFrames(
        createAwsEventStreamDeframer,
        Buffer.concat([first, damaged, first]),
        [['contentBlockDelta', '{"text":"Grüße"}']],
        'bad_framing',
      );
    }
  });

  test('lose a message that is too large to be held, and no other', () => {
    const large = awsMessage('chunk', { bytes: 'A'.repeat(5 * 1024 * 1024) });
    const found = frames(createAwsEventStreamDeframer, Buffer.concat([first, large, second]), 100_000);
    expect(found).toEqual({
      seen: [
        ['contentBlockDelta', '{"text":"Grüße"}'],
        ['throttlingException', '{"message":"slow"}'],
      ],
      fault: 'event_too_large',
    });
  });
});

describe('multipart forms', () => {
  const part = (disposition: string, value: string): string => `--b0\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;
  const read = (body: string, pieceBytes: number, type = 'multipart/form-data; boundary=b0'): unknown => {
    const fields: [string, string][] = [];
    const reader = createMultipartReader(type, (name, value) => fields.push([name, value]));
    const bytes = Buffer.from(body);
    for (let at = 0; at < bytes.length; at += pieceBytes) reader?.push(bytes.subarray(at, at + pieceBytes));
    return reader && fields;
  };

  test('give their text fields, wherever the file stands and whatever it holds', () => {
    const file = part('name="file"; filename="a.wav"', `RIFF name="model"\r\n\r\nno${'\0'.repeat(3000)}\r\n--b`);
    const body = `${file}${part('name="model"', 'whisper-ü')}${part('name="empty"', '')}${part('name="long"', 'x'.repeat(5000))}${part('name=stream', 'true')}--b0--\r\n`;
    for (const size of [1, 2, 3, 7, 50, 1000, 100_000]) {
      expect(read(body, size)).toEqual([
        ['model', 'whisper-ü'],
        ['empty', ''],
        ['stream', 'true'],
      ]);
    }
  });

  test('without a usable boundary are not read', () => {
    expect(read('x', 1, 'multipart/form-data')).toBeUndefined();
    expect(read('x', 1, `multipart/form-data; boundary=${'b'.repeat(80)}`)).toBeUndefined();
    expect(read(`${part('name="a"', '1')}--b0--`, 5, 'multipart/form-data; boundary="b0"')).toEqual([['a', '1']]);
  });
});
