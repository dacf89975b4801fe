import { HOP_BY_HOP_HEADERS, rawHeader, requestHeaders, responseHeaders } from '../../../proxy/headers.ts';

test.each([...HOP_BY_HOP_HEADERS])('%s stays on its hop, in both directions and any case', (name) => {
  const raw = [name.toUpperCase(), 'v', 'X-End', 'v'];
  expect(requestHeaders(raw)).toEqual(['X-End', 'v']);
  expect(responseHeaders(raw)).toEqual(['X-End', 'v']);
});

test('what Connection names stays too, with close and keep-alive as no names', () => {
  const raw = ['Connection', 'close, X-One', 'x-one', '1', 'X-ONE', '2', 'connection', 'x-two ,', 'X-Two', '3', 'X-Three', '4'];
  expect(requestHeaders(raw)).toEqual(['X-Three', '4']);
  expect(responseHeaders(raw)).toEqual(['X-Three', '4']);
});

test('order, case, repetition and values stay', () => {
  const raw = ['B', ' 2', 'a', '', 'B', '1', 'b', '\u00fc', 'Set-Cookie', 'x', 'Set-Cookie', 'y'];
  expect(requestHeaders(raw)).toEqual(raw);
  expect(responseHeaders(raw)).toEqual(raw);
});

test('the request’s Host, Expect, Trailer and Glassway’s own headers stay here; the response’s Trailer passes', () => {
  expect(requestHeaders(['Host', 'h', 'Expect', '100-continue', 'Trailer', 'x', 'X-Glassway-Anything', 'y', 'x-glasswayish', 'z'])).toEqual(
    ['x-glasswayish', 'z'],
  );
  expect(responseHeaders(['Trailer', 'x'])).toEqual(['Trailer', 'x']);
});

test('a header is looked up in any case, the first of several', () => {
  expect(rawHeader(['X-A', '1', 'x-a', '2'], 'x-a')).toBe('1');
  expect(rawHeader(['X-A', '1'], 'x-b')).toBe('');
});
