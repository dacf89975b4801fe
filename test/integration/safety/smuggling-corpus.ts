/**
 * Requests that two parsers may read differently, as bytes. Each carries a second request, `GET /openai/v1/smuggled`,
 * where a wrong reading would find one. Sources: RFC 9112 §6, §7, §11; the literature on request smuggling (CL.TE,
 * TE.CL, TE.TE, CL.0, chunk extensions, bare CR and LF).
 */

/** `refused`: nothing reaches the provider; `one`: one request does; `either`: one of the two, both are safe. */
export type Wanted = 'refused' | 'one' | 'either';
export type Variant = readonly [name: string, bytes: string, wanted: Wanted];

export const SMUGGLED = 'GET /openai/v1/smuggled HTTP/1.1\r\nHost: g\r\n\r\n';
const LINE = 'POST /openai/v1/first HTTP/1.1\r\nHost: g\r\n';
const END = '0\r\n\r\n';
const IN_CHUNK = `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n${END}`;

/** Headers, then a body that hides the second request behind an early end. */
const hidden = (headers: string, body = `${END}${SMUGGLED}`): string => `${LINE}${headers}\r\n${body}`;
/** A header block and a body that one reading takes for 4 bytes, another for chunks. */
const both = (te: string): string => hidden(`Content-Length: 4\r\n${te}\r\n`, `${IN_CHUNK}`);
const chunked = (body: string): string => hidden('Transfer-Encoding: chunked\r\n', body);

const TRANSFER_ENCODINGS: readonly (readonly [string, string])[] = [
  ['in lower case', 'transfer-encoding: chunked'],
  ['with a tab before its value', 'Transfer-Encoding:\tchunked'],
  ['with a space before the colon', 'Transfer-Encoding : chunked'],
  ['with a tab before the colon', 'Transfer-Encoding\t: chunked'],
  ['with a space before its name', ' Transfer-Encoding: chunked'],
  ['with a vertical tab before its value', 'Transfer-Encoding: \u000bchunked'],
  ['with a form feed after its value', 'Transfer-Encoding: chunked\u000c'],
  ['with a NUL after its value', 'Transfer-Encoding: chunked\u0000'],
  ['with a NUL in its name', 'Transfer-\u0000Encoding: chunked'],
  ['with a high byte after its value', 'Transfer-Encoding: chunked\u00ff'],
  ['in quotes', 'Transfer-Encoding: "chunked"'],
  ['of another value', 'Transfer-Encoding: xchunked'],
  ['with a parameter', 'Transfer-Encoding: chunked; q=1'],
  ['identity', 'Transfer-Encoding: identity'],
  ['empty', 'Transfer-Encoding:'],
  ['chunked and then identity', 'Transfer-Encoding: chunked, identity'],
  ['identity and then chunked', 'Transfer-Encoding: identity, chunked'],
  ['chunked twice', 'Transfer-Encoding: chunked, chunked'],
  ['twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
  ['chunked, then another', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x'],
  ['another, then chunked', 'Transfer-Encoding: x\r\nTransfer-Encoding: chunked'],
  ['in the capitals of no one', 'tRANSFER-eNCODING: cHUNKED'],
  ['folded', 'Transfer-Encoding:\r\n chunked'],
  ['after a folded line', 'X: a\r\n\tb\r\nTransfer-Encoding: chunked'],
  ['after a bare CR', 'X: a\rTransfer-Encoding: chunked'],
  ['after a bare LF', 'X: a\nTransfer-Encoding: chunked'],
  ['ended by a bare LF', 'Transfer-Encoding: chunked\nX: b'],
  ['with an underscore', 'Transfer_Encoding: chunked'],
  ['named by Connection', 'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked'],
];

const LENGTHS: readonly (readonly [string, string, Wanted])[] = [
  ['twice, different', 'Content-Length: 0\r\nContent-Length: 49', 'refused'],
  ['twice, the same', `Content-Length: ${SMUGGLED.length}\r\nContent-Length: ${SMUGGLED.length}`, 'refused'],
  ['as a list', 'Content-Length: 0, 49', 'refused'],
  ['negative', 'Content-Length: -1', 'refused'],
  ['with a plus', 'Content-Length: +0', 'refused'],
  ['hexadecimal', 'Content-Length: 0x31', 'refused'],
  ['with a decimal point', 'Content-Length: 0.0', 'refused'],
  ['with a letter', 'Content-Length: 0a', 'refused'],
  ['empty', 'Content-Length:', 'refused'],
  ['larger than 64 bits', 'Content-Length: 18446744073709551616', 'refused'],
  ['with a space inside', 'Content-Length: 4 9', 'refused'],
  ['with a NUL', 'Content-Length: 0\u0000', 'refused'],
  ['with a space before the colon', 'Content-Length : 0', 'refused'],
  ['folded', 'Content-Length:\r\n 49', 'refused'],
  ['with an underscore', `Content_Length: 0\r\nContent-Length: ${SMUGGLED.length}`, 'refused'],
  ['named by Connection', `Connection: Content-Length\r\nContent-Length: ${SMUGGLED.length}`, 'one'],
];

const CHUNKS: readonly (readonly [string, string, Wanted])[] = [
  ['in one good chunk', IN_CHUNK, 'one'],
  ['with an extension', `${SMUGGLED.length.toString(16)};a=b\r\n${SMUGGLED}\r\n${END}`, 'either'],
  ['with an extension that ends in a bare LF', `2;\nxx\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n${END}`, 'refused'],
  ['with an extension that ends in a bare CR', `2;\rxx\r\n${IN_CHUNK}`, 'refused'],
  ['with a quoted extension of line ends', `2;a="\r\n${END}${SMUGGLED}"\r\nxx\r\n${END}`, 'refused'],
  ['with a negative size', `-1\r\n${SMUGGLED}`, 'refused'],
  ['with a size of 0x', `0x2\r\nab\r\n${END}`, 'refused'],
  ['with a size beyond 64 bits', `10000000000000000\r\n${SMUGGLED}`, 'refused'],
  ['with a size after a space', ` 2\r\nab\r\n${END}`, 'refused'],
  ['with a size before a space', `2 \r\nab\r\n${END}`, 'either'],
  ['with a size in another base', `2g\r\nab\r\n${END}`, 'refused'],
  ['with no size', `\r\nab\r\n${END}`, 'refused'],
  ['with a size ended by a bare LF', `2\nab\r\n${END}`, 'refused'],
  ['with a size ended by a bare CR', `2\rab\r\n${END}`, 'refused'],
  ['longer than it says', `2\r\nabcd\r\n${END}`, 'refused'],
  ['that ends in a bare LF', `2\r\nab\n${END}`, 'refused'],
  ['that ends in nothing', `2\r\nab${END}`, 'refused'],
  ['with a Content-Length in its trailer', `0\r\nContent-Length: 49\r\n\r\n`, 'either'],
  ['with a Transfer-Encoding in its trailer', `0\r\nTransfer-Encoding: chunked\r\n\r\n`, 'either'],
  ['with a Host in its trailer', `0\r\nHost: evil.example\r\nX-Glassway-Project: other\r\n\r\n`, 'one'],
  ['with a trailer that is no header', `0\r\n${SMUGGLED.replaceAll('\r\n', '\n')}\r\n\r\n`, 'refused'],
];

const LINES: readonly Variant[] = [
  ['a bare LF after the request line', `GET /openai/v1/first HTTP/1.1\nHost: g\n\n`, 'refused'],
  ['a bare CR in the request line', `GET /openai/v1/first\r HTTP/1.1\r\nHost: g\r\n\r\n`, 'refused'],
  ['a NUL in the target', `GET /openai/v1/fi\u0000rst HTTP/1.1\r\nHost: g\r\n\r\n`, 'refused'],
  ['a space in the target', `GET /openai/v1/first HTTP/1.1 ${SMUGGLED}`, 'refused'],
  ['two spaces before the version', `GET /openai/v1/first  HTTP/1.1\r\nHost: g\r\n\r\n`, 'either'],
  ['a tab for a space', `GET\t/openai/v1/first HTTP/1.1\r\nHost: g\r\n\r\n`, 'refused'],
  ['another request in the target', `GET /openai/v1/first%0d%0aHost:%20evil HTTP/1.1\r\nHost: g\r\n\r\n`, 'one'],
  ['HTTP/0.9', `GET /openai/v1/first\r\n`, 'refused'],
  ['HTTP/1.2', `GET /openai/v1/first HTTP/1.2\r\nHost: g\r\n\r\n`, 'either'],
  ['HTTP/2.0 in words', `GET /openai/v1/first HTTP/2.0\r\nHost: g\r\n\r\n`, 'refused'],
  ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'refused'],
  ['a method that is none', `G(T /openai/v1/first HTTP/1.1\r\nHost: g\r\n\r\n`, 'refused'],
  ['CONNECT', `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n${SMUGGLED}`, 'refused'],
  ['no Host', `GET /openai/v1/first HTTP/1.1\r\n\r\n`, 'refused'],
  ['Host twice', `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nHost: evil.example\r\n\r\n`, 'refused'],
  ['a Host with a space', `GET /openai/v1/first HTTP/1.1\r\nHost: g evil.example\r\n\r\n`, 'refused'],
  ['the absolute form of another host', `GET http://evil.example/openai/v1/first HTTP/1.1\r\nHost: g\r\n\r\n`, 'one'],
  ['the absolute form with user information', `GET http://g@evil.example/openai/v1/first HTTP/1.1\r\nHost: g\r\n\r\n`, 'one'],
  ['a target that is a URL without a host', `GET http:///openai/v1/first HTTP/1.1\r\nHost: g\r\n\r\n`, 'either'],
  ['a header without a name', `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\n: x\r\n\r\n`, 'refused'],
  ['a header without a colon', `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nnothing\r\n\r\n`, 'refused'],
  ['a line feed in a header value', `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nX: a\nContent-Length: 49\r\n\r\n`, 'refused'],
  ['a first header that is folded', `GET /openai/v1/first HTTP/1.1\r\n Host: g\r\n\r\n`, 'refused'],
  ['a body to a GET', `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`, 'one'],
  ['a body to a HEAD', `HEAD /openai/v1/first HTTP/1.1\r\nHost: g\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`, 'one'],
  [
    'h2c offered',
    `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    'one',
  ],
  ['Expect and a body behind', `${LINE}Expect: 100-continue\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`, 'one'],
  ['an expectation of something else', `${LINE}Expect: 200-ok\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`, 'either'],
  [
    'an upgrade that has a body',
    `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    'refused',
  ],
  [
    'an upgrade that has chunks',
    `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n${IN_CHUNK}`,
    'refused',
  ],
  [
    'a request behind an upgrade',
    `GET /openai/v1/first HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n${SMUGGLED}`,
    'either',
  ],
];

export const CORPUS: readonly Variant[] = [
  ...TRANSFER_ENCODINGS.map(([name, te]): Variant => [`Content-Length and a Transfer-Encoding ${name}`, both(te), 'refused']),
  ...TRANSFER_ENCODINGS.map(([name, te]): Variant => [`a Transfer-Encoding ${name} alone`, hidden(`${te}\r\n`, IN_CHUNK), 'either']),
  ...LENGTHS.map(([name, headers, wanted]): Variant => [`Content-Length ${name}`, hidden(`${headers}\r\n`, SMUGGLED), wanted]),
  ...CHUNKS.map(([name, body, wanted]): Variant => [`a chunk ${name}`, chunked(body), wanted]),
  ...LINES,
];
