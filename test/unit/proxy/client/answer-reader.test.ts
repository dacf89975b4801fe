/** The reader of answers: the same whatever its bytes are cut into, and strict. */
import { AnswerReader } from '../../../../proxy/client/answer-reader.ts';
import type { AnswerHead } from '../../../../proxy/client/head.ts';
import { ANSWERS, type SampleAnswer } from './answers.ts';

const HEAD_BYTES_MAX = 4_096;

interface Read {
  readonly head: AnswerHead | undefined;
  readonly body: string;
  readonly trailers: readonly string[];
  /** What the framed reads make, each followed by what unframed ones gave. */
  readonly whole: boolean;
  readonly clean: boolean;
  readonly framedAgree: boolean;
  readonly fault: string | undefined;
}

/** What comes of these pieces, each in one buffer that is overwritten as soon as it was read. */
function readAll(pieces: readonly Buffer[], { method = 'GET', closes = false }: Partial<SampleAnswer> = {}): Read {
  const reader = new AnswerReader(HEAD_BYTES_MAX);
  const kept: Buffer[] = [];
  let sinceTold: Buffer[] = [];
  let framedAgree = true;
  let head: AnswerHead | undefined;
  const compare = (framed: Buffer | undefined): void => {
    if (framed !== undefined && unframe(framed) !== Buffer.concat(sinceTold).toString('latin1')) framedAgree = false;
    sinceTold = [];
  };
  reader.begin(method, {
    onHead: (found) => {
      head = found;
    },
    onData: (piece) => {
      kept.push(piece);
      sinceTold.push(piece);
    },
    onReadDone: compare,
  });
  let whole = false;
  let fault: string | undefined;
  try {
    for (const piece of pieces) {
      const shared = Buffer.from(piece);
      whole = reader.read(shared);
      shared.fill('!');
      if (whole) break;
    }
    if (whole) compare(reader.framed);
    else if (closes) whole = reader.close();
  } catch (error) {
    fault = (error as { code?: string }).code ?? String(error);
  }
  return {
    head,
    body: Buffer.concat(kept).toString('latin1'),
    trailers: reader.trailers,
    whole,
    clean: reader.clean,
    framedAgree,
    fault,
  };
}

/** The payload of whole chunks without extensions. */
function unframe(framed: Buffer): string {
  let text = framed.toString('latin1');
  let payload = '';
  while (text !== '') {
    const found = /^([0-9a-fA-F]+)\r\n/.exec(text);
    if (found === null) return `no chunk: ${text}`;
    const size = Number.parseInt(found[1] as string, 16);
    const from = found[0].length;
    payload += text.slice(from, from + size);
    if (text.slice(from + size, from + size + 2) !== '\r\n') return `no end: ${text}`;
    text = text.slice(from + size + 2);
  }
  return payload;
}

function* cuts(bytes: Buffer): Generator<Buffer[]> {
  yield [bytes];
  yield [...bytes].map((byte) => Buffer.of(byte));
  for (let at = 1; at < bytes.length; at += bytes.length > 1_000 ? 97 : 1) yield [bytes.subarray(0, at), bytes.subarray(at)];
  for (const size of [2, 3, 7]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    yield pieces;
  }
}

test.each(ANSWERS)('$name: the same however it is cut', (sample) => {
  const bytes = Buffer.from(sample.bytes, 'latin1');
  const once = readAll([bytes], sample);
  if (sample.wanted === undefined) expect(once.whole).toBe(false);
  else expect(once).toMatchObject({ whole: true, body: sample.wanted, fault: undefined, framedAgree: true });
  for (const pieces of cuts(bytes)) {
    const read = readAll(pieces, sample);
    expect(read.framedAgree).toBe(true);
    expect(read.whole).toBe(once.whole);
    if (once.whole) expect(read).toEqual(once);
    else if (!sample.closes) expect(read.fault).toBe('INVALID_ANSWER');
  }
});

test('headers come as they were: order, case, repetition, bytes', () => {
  const { head } = readAll([
    Buffer.from('HTTP/1.1 429 Too  Many\u00fc\r\nSet-Cookie: a\r\nX-A:\r\nset-cookie:  b \r\nContent-Length: 0\r\n\r\n', 'latin1'),
  ]);
  expect(head).toMatchObject({ status: 429, reason: 'Too  Many\u00fc' });
  expect(head?.headers).toEqual(['Set-Cookie', 'a', 'X-A', '', 'set-cookie', 'b ', 'Content-Length', '0']);
});

const answer = (headers: string, version = '1.1', status = '200 OK', body = '') =>
  readAll([Buffer.from(`HTTP/${version} ${status}\r\n${headers}\r\n${body}`)]);

test.each([
  ['kept by default', answer('Content-Length: 0\r\n'), true, undefined],
  ['closed when it says so', answer('Connection: X, close\r\nContent-Length: 0\r\n'), false, undefined],
  ['closed by default in HTTP/1.0', answer('Content-Length: 0\r\n', '1.0'), false, undefined],
  ['kept in HTTP/1.0 when it says so', answer('Connection: Keep-Alive\r\nContent-Length: 0\r\n', '1.0'), true, undefined],
  ['kept for the time that it names', answer('Keep-Alive: max=5, timeout=7\r\nContent-Length: 0\r\n'), true, 7],
  ['not kept where a body came or may come that has no place', answer('Content-Length: 5\r\n', '1.1', '204 No Content'), false, undefined],
] as const)('the connection is %s', (_what, { head }, reusable, keep_s) => {
  expect(head).toMatchObject({ reusable, keep_s });
});

test('what comes behind an answer makes its connection unfit for another', () => {
  for (const bytes of ['Content-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx']) {
    const read = readAll([Buffer.from(`HTTP/1.1 200 OK\r\n${bytes}`)]);
    expect(read).toMatchObject({ whole: true, clean: false });
  }
});

test('chunks that come in whole are handed on as they came, those with an extension are not', () => {
  const seen: (string | undefined)[] = [];
  const reader = new AnswerReader(HEAD_BYTES_MAX);
  reader.begin('GET', { onHead: () => {}, onData: () => {}, onReadDone: (framed) => seen.push(framed?.toString()) });
  reader.read(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'));
  reader.read(Buffer.from('1\r\nb\r\n01\r\nc\r\n'));
  reader.read(Buffer.from('2\r\nd'));
  reader.read(Buffer.from('e\r\n1;x=y\r\nf\r\n'));
  expect(seen).toEqual(['1\r\na\r\n', '1\r\nb\r\n01\r\nc\r\n', undefined, undefined]);
});
