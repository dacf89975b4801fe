/**
 * What Node's parser lets pass and two parsers may read differently, or what is more than anybody needs: looked at once
 * per request, before anything else. Throws the GatewayError by which it is refused; one pass over the headers.
 */
import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../contract/errors.ts';
import type { Caller } from './server/caller.ts';

export interface StrictnessLimits {
  readonly headersMax: number;
  readonly urlBytesMax: number;
}

const HOST = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/;
/** Servers that hand headers to programs as variables read these as the ones that frame a message. */
const FRAMING_LOOKALIKES: ReadonlySet<string> = new Set(['transfer_encoding', 'content_length']);
const LOOKALIKE_LENGTHS: ReadonlySet<number> = new Set([...FRAMING_LOOKALIKES].map((name) => name.length));

export function checkStrictly(req: Pick<Caller, 'rawHeaders' | 'httpVersion' | 'url'>, limits: StrictnessLimits): void {
  const { rawHeaders, httpVersion } = req;
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    throw new GatewayError('malformed_request', `HTTP/${httpVersion} is not spoken here.`);
  if ((req.url ?? '').length > limits.urlBytesMax)
    throw new GatewayError('url_too_long', `It has ${req.url?.length} bytes; limits.urlBytes is ${limits.urlBytesMax}.`);
  if (rawHeaders.length > limits.headersMax * 2)
    throw new GatewayError('headers_too_large', `More than ${limits.headersMax} of them; limits.headersMax says how many.`);
  let hosts = 0;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') {
      hosts += 1;
      // RFC 9112 §3.2: more than one, or one that is not valid, is answered 400.
      if (hosts > 1 || !HOST.test(rawHeaders[i + 1] as string))
        throw new GatewayError('malformed_request', 'Want one Host, with a host in it.');
    } else if (LOOKALIKE_LENGTHS.has(name.length) && FRAMING_LOOKALIKES.has(name.toLowerCase()))
      throw new GatewayError('malformed_request', `${name} is no header, but is taken for one.`);
  }
}

/** An upgrade has no body (RFC 6455 §4.1 makes it a GET): where it has one, nobody knows which protocol its bytes are of. */
export function checkUpgrade(req: IncomingMessage): void {
  const length = req.headers['content-length'];
  if (req.method !== 'GET' || req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0'))
    throw new GatewayError('malformed_request', 'An upgrade is a GET without a body.');
}
