/**
 * A request as it goes to the provider: the caller's header lines as they are, in front of them the provider's own `Host`,
 * and a framing that is made from the body itself, so that no header can say otherwise.
 */
import { UpstreamFault } from './faults.ts';

/** What is to be sent. */
export interface RequestParts {
  readonly method: string;
  /** Path and query string. */
  readonly target: string;
  /** Raw list, without those of the hop. */
  readonly headers: readonly string[];
  /** `streamed`: it comes piece by piece. */
  readonly body: Buffer | undefined | 'streamed';
  /** Of a streamed body, where it is known; else it goes in chunks. */
  readonly length: number | undefined;
}

export interface OutgoingRequest {
  readonly method: string;
  /** To the empty line, as latin1. */
  readonly head: string;
  readonly body: Buffer | undefined | 'streamed';
  /** The connection can carry another one after it. */
  readonly reusable: boolean;
}

/** Methods that have a body, so that its absence is said (RFC 9110 §8.6). */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH']);
/** What the request line may not have inside its target. */
const NOT_IN_TARGET = /[^\x21-\x7e\x80-\xff]/;

export function outgoingRequest({ method, target, headers, body, length }: RequestParts, authority: string): OutgoingRequest {
  if (NOT_IN_TARGET.test(target)) throw new UpstreamFault('INVALID_REQUEST', 'the request target cannot be sent');
  const bytes = body === 'streamed' ? length : (body?.length ?? (WITH_BODY.has(method) ? 0 : undefined));
  // A provider that ignores the body of a GET takes it for the next request, one that answers a HEAD with a body has that taken for the next answer.
  const reusable = method !== 'HEAD' && (body === undefined || WITH_BODY.has(method));
  let head = `${method} ${target} HTTP/1.1\r\nhost: ${authority}\r\nconnection: ${reusable ? 'keep-alive' : 'close'}\r\n`;
  let said = false;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== LENGTH.length || name.toLowerCase() !== LENGTH) head += `${name}: ${headers[i + 1]}\r\n`;
    else if (bytes !== undefined && !said) {
      said = true;
      head += `${name}: ${bytes}\r\n`;
    }
  }
  if (bytes !== undefined && !said) head += `content-length: ${bytes}\r\n`;
  if (body === 'streamed' && length === undefined) head += 'transfer-encoding: chunked\r\n';
  return { method, head: `${head}\r\n`, body, reusable };
}

const LENGTH = 'content-length';
