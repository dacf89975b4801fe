/** What goes to the provider: the caller's header lines, and a framing that only the body decides. */
import { outgoingRequest, type RequestParts } from '../../../../proxy/client/request.ts';

const make = (parts: Partial<RequestParts>) =>
  outgoingRequest({ method: 'POST', target: '/v1/x?y', headers: [], body: undefined, length: undefined, ...parts }, 'api.example:99');
const KEPT = 'POST /v1/x?y HTTP/1.1\r\nhost: api.example:99\r\nconnection: keep-alive\r\n';

test('header lines stay as they are, and the length stays in its place', () => {
  const headers = ['X-A', '1', 'CONTENT-Length', '2', 'x-a', ' \u00fc '];
  expect(make({ headers, body: Buffer.from('ab') })).toMatchObject({
    head: `${KEPT}X-A: 1\r\nCONTENT-Length: 2\r\nx-a:  \u00fc \r\n\r\n`,
    reusable: true,
  });
});

test('a length that does not fit the body, or comes twice, is never sent', () => {
  const headers = ['content-length', '99', 'Content-Length', '1'];
  expect(make({ headers, body: Buffer.from('ab') }).head).toBe(`${KEPT}content-length: 2\r\n\r\n`);
  expect(make({ headers, body: 'streamed' }).head).toBe(`${KEPT}transfer-encoding: chunked\r\n\r\n`);
  expect(make({ headers, body: 'streamed', length: 7 }).head).toBe(`${KEPT}content-length: 7\r\n\r\n`);
});

test('a method that has a body says when there is none, others say nothing', () => {
  expect(make({}).head).toBe(`${KEPT}content-length: 0\r\n\r\n`);
  expect(make({ method: 'GET', headers: ['content-length', '5'] }).head).not.toMatch(/content-length/i);
});

test.each([
  ['GET', undefined, true],
  ['DELETE', undefined, true],
  ['GET', Buffer.from('{}'), false],
  ['DELETE', 'streamed', false],
  ['HEAD', undefined, false],
] as const)('%s with %s leaves a connection that can be used again: %s', (method, body, reusable) => {
  const request = make({ method, body });
  expect(request.reusable).toBe(reusable);
  expect(request.head).toContain(`\r\nconnection: ${reusable ? 'keep-alive' : 'close'}\r\n`);
});

test.each(['/a b', '/a\r\nx: y', '/a\u0000', '/\u010a', '/\u007f'])('the target %j is not sent', (target) => {
  expect(() => make({ target })).toThrow('the request target cannot be sent');
});
