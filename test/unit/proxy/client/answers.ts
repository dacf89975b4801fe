/**
 * Answers as bytes, good and bad: what RFC 9112 allows, what it forbids, what two readers might read differently. `wanted`
 * is the body where the answer is one, and undefined where it must be refused, or is never whole.
 */

export interface SampleAnswer {
  readonly name: string;
  readonly bytes: string;
  readonly wanted: string | undefined;
  readonly method?: string;
  /** The provider closes the connection behind it. */
  readonly closes?: boolean;
  /** Why undici's parser, which is older and more lenient here, takes it otherwise. */
  readonly otherwise?: string;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const good = (name: string, bytes: string, wanted: string, rest: Partial<SampleAnswer> = {}): SampleAnswer => ({
  name,
  bytes,
  wanted,
  ...rest,
});
const bad = (name: string, bytes: string, rest: Partial<SampleAnswer> = {}): SampleAnswer => ({ name, bytes, wanted: undefined, ...rest });

export const ANSWERS: readonly SampleAnswer[] = [
  good('a length', `${OK}Content-Length: 2\r\n\r\nab`, 'ab'),
  good('a length of 0', `${OK}Content-Length: 0\r\n\r\n`, ''),
  good('a length with zeros before it', `${OK}Content-Length: 0002\r\n\r\nab`, 'ab'),
  good('blanks behind length and coding', `${OK}Content-Length: 1 \t\r\n\r\na`, 'a', {
    otherwise: 'undici takes the blanks for digits',
  }),
  good('blanks behind chunked', `${OK}Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n`, ''),
  good('headers in odd case, with and without spaces', `${OK}X-A:1\r\nx-a: \t 2 \t\r\nX-EMPTY:\r\ncontent-LENGTH: 1\r\n\r\na`, 'a'),
  good('bytes above ASCII', `${OK}X-A: \u00fc\u00ff\u0080\r\nContent-Length: 1\r\n\r\n\u00ff`, '\u00ff'),
  good('a tab in a value', `${OK}X-A: a\tb\r\nContent-Length: 1\r\n\r\na`, 'a'),
  good('colons in a value', `${OK}X-A: a:b: c\r\nContent-Length: 1\r\n\r\na`, 'a'),
  good('no reason', 'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na', 'a'),
  good('an empty reason', 'HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na', 'a'),
  good('a status nobody knows', 'HTTP/1.1 999 What\r\nContent-Length: 1\r\n\r\na', 'a'),
  good('chunks', `${CHUNKED}1\r\na\r\n2\r\nbc\r\n0\r\n\r\n`, 'abc'),
  good('chunks with sizes in odd case', `${CHUNKED}A\r\n0123456789\r\n0b\r\nabcdefghijk\r\n000\r\n\r\n`, '0123456789abcdefghijk'),
  good('a chunk with an extension', `${CHUNKED}1;a=b;c="d e"\r\na\r\n0;x\r\n\r\n`, 'a'),
  good('no chunk', `${CHUNKED}0\r\n\r\n`, ''),
  good('trailers', `${CHUNKED}1\r\na\r\n0\r\nX-A: 1\r\nx-a:2\r\n\r\n`, 'a'),
  good('two codings', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`, 'a'),
  good('two codings in two lines', `${OK}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`, 'a'),
  good('a coding that is not chunked', `${OK}Transfer-Encoding: gzip\r\n\r\nabc`, 'abc', { closes: true }),
  good('the close of the connection', `${OK}\r\nabc`, 'abc', { closes: true }),
  good('the close of an HTTP/1.0 connection', 'HTTP/1.0 200 OK\r\n\r\nabc', 'abc', { closes: true }),
  good('HTTP/1.0 with a length', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na', 'a'),
  good('a HEAD with a length', `${OK}Content-Length: 5\r\n\r\n`, '', { method: 'HEAD' }),
  good('a HEAD with chunks', CHUNKED, '', { method: 'HEAD' }),
  good('204', 'HTTP/1.1 204 No Content\r\n\r\n', ''),
  good('304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', ''),
  good('an interim answer before it', `HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${OK}Content-Length: 1\r\n\r\na`, 'a'),
  good('100 that nobody asked for', `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 1\r\n\r\na`, 'a', {
    otherwise: 'undici refuses it; RFC 9110 §15.2 has a client read it',
  }),
  bad('two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`),
  bad('the same length twice', `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`),
  bad('a list of lengths', `${OK}Content-Length: 1, 1\r\n\r\na`),
  bad('a negative length', `${OK}Content-Length: -1\r\n\r\na`),
  bad('a length with a plus', `${OK}Content-Length: +1\r\n\r\na`),
  bad('a hexadecimal length', `${OK}Content-Length: 0x1\r\n\r\na`),
  bad('an empty length', `${OK}Content-Length:\r\n\r\na`),
  bad('a length beyond all bounds', `${OK}Content-Length: 99999999999999999999\r\n\r\na`),
  bad('a length and chunks', `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`),
  bad('chunks and a length', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n`),
  bad('a coding after chunked, in another line', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n1\r\na\r\n0\r\n\r\n`),
  bad('a body shorter than its length', `${OK}Content-Length: 5\r\n\r\nabc`, { closes: true }),
  bad('chunks without an end', `${CHUNKED}3\r\nabc\r\n`, { closes: true }),
  bad('half a chunk', `${CHUNKED}3\r\nab`, { closes: true }),
  bad('half a head', `${OK}Content-Le`, { closes: true }),
  bad('a chunk longer than its size', `${CHUNKED}1\r\nab\r\n0\r\n\r\n`),
  bad('a chunk that ends in a bare LF', `${CHUNKED}1\r\na\n0\r\n\r\n`),
  bad('a chunk size that ends in a bare LF', `${CHUNKED}1\na\r\n0\r\n\r\n`),
  bad('a chunk size after a space', `${CHUNKED} 1\r\na\r\n0\r\n\r\n`),
  bad('a chunk size before a space', `${CHUNKED}1 \r\na\r\n0\r\n\r\n`),
  bad('no chunk size', `${CHUNKED}\r\na\r\n0\r\n\r\n`),
  bad('a negative chunk size', `${CHUNKED}-1\r\na\r\n0\r\n\r\n`),
  bad('a chunk size of 0x', `${CHUNKED}0x1\r\na\r\n0\r\n\r\n`),
  bad('a chunk size beyond all bounds', `${CHUNKED}ffffffffffffffffff\r\na\r\n0\r\n\r\n`),
  bad('a trailer that is no header', `${CHUNKED}1\r\na\r\n0\r\nnothing\r\n\r\n`),
  bad('no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'),
  bad('no HTTP, without an empty line', 'SSH-2.0-OpenSSH_9.6\r\n'),
  bad('HTTP/2 in words', 'HTTP/2.0 200 OK\r\nContent-Length: 1\r\n\r\na', { otherwise: 'llhttp takes any version it knows' }),
  bad('HTTP/1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 1\r\n\r\na'),
  bad('HTTP in lower case', 'http/1.1 200 OK\r\nContent-Length: 1\r\n\r\na'),
  bad('two spaces before the status', 'HTTP/1.1  200 OK\r\nContent-Length: 1\r\n\r\na'),
  bad('a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 1\r\n\r\na'),
  bad('a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\na'),
  bad('a status below 100', 'HTTP/1.1 099 OK\r\nContent-Length: 1\r\n\r\na', { otherwise: 'undici fails on it in another way' }),
  bad('a control character in the reason', 'HTTP/1.1 200 O\u0001K\r\nContent-Length: 1\r\n\r\na', { otherwise: 'llhttp does not look' }),
  bad('101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
  bad('bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 1\n\na'),
  bad('a bare LF behind a header', `${OK}X-A: a\nContent-Length: 1\r\n\r\na`),
  bad('a bare CR in a header', `${OK}X-A: a\rb\r\nContent-Length: 1\r\n\r\na`),
  bad('a folded header', `${OK}X-A: a\r\n b\r\nContent-Length: 1\r\n\r\na`),
  bad('a header without a colon', `${OK}nothing\r\nContent-Length: 1\r\n\r\na`),
  bad('a header without a name', `${OK}: a\r\nContent-Length: 1\r\n\r\na`),
  bad('a space before the colon', `${OK}X-A : a\r\nContent-Length: 1\r\n\r\na`),
  bad('a space before the name', `${OK} X-A: a\r\nContent-Length: 1\r\n\r\na`),
  bad('a NUL in a value', `${OK}X-A: a\u0000\r\nContent-Length: 1\r\n\r\na`),
  bad('a control character in a value', `${OK}X-A: a\u0001b\r\nContent-Length: 1\r\n\r\na`),
  bad('a byte above ASCII in a name', `${OK}X-\u00fc: a\r\nContent-Length: 1\r\n\r\na`),
  bad('headers that are too large', `${OK}X-A: ${'a'.repeat(5_000)}\r\nContent-Length: 1\r\n\r\na`),
];
