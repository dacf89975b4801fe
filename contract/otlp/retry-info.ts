/**
 * How long a gRPC receiver asks to be left alone: `google.rpc.RetryInfo` among the details of its status, which come in the
 * trailer `grpc-status-details-bin` as protobuf. Gives milliseconds; 0 when it does not say, or says what cannot be read.
 * https://opentelemetry.io/docs/specs/otlp/#failures and
 * https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
 */

const DETAILS_TRAILER = 'grpc-status-details-bin';
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';
/** Numbers of the fields on the way: Status.details, Any, RetryInfo.retry_delay, Duration. */
const FIELD = { statusDetails: 3, anyType: 1, anyValue: 2, retryDelay: 1, seconds: 1, nanos: 2 } as const;
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

interface Trailers {
  get(name: string): readonly unknown[];
}

/** `error`: as gRPC's library gives it. */
export function retryDelayMs(error: unknown): number {
  const trailers =
    typeof error === 'object' && error !== null && 'metadata' in error ? (error.metadata as Trailers | undefined) : undefined;
  const [details] = trailers?.get?.(DETAILS_TRAILER) ?? [];
  if (!(details instanceof Uint8Array)) return 0;
  try {
    for (const any of messages(details, FIELD.statusDetails)) {
      const [type] = messages(any, FIELD.anyType);
      if (type === undefined || Buffer.from(type).toString() !== RETRY_INFO) continue;
      const [info = EMPTY] = messages(any, FIELD.anyValue);
      const [delay = EMPTY] = messages(info, FIELD.retryDelay);
      const [seconds = 0] = integers(delay, FIELD.seconds);
      const [nanos = 0] = integers(delay, FIELD.nanos);
      return Math.max(0, seconds * 1_000 + nanos / 1e6);
    }
  } catch {
    // Not protobuf: a receiver that says nothing.
  }
  return 0;
}

const EMPTY = new Uint8Array();

const messages = (bytes: Uint8Array, field: number): Uint8Array[] =>
  [...fields(bytes)].flatMap(([number, value]) => (number === field && typeof value !== 'number' ? [value] : []));
const integers = (bytes: Uint8Array, field: number): number[] =>
  [...fields(bytes)].flatMap(([number, value]) => (number === field && typeof value === 'number' ? [value] : []));

/** The fields of a message: their numbers, and varints as numbers or lengths of bytes. Others are passed over. */
function* fields(bytes: Uint8Array): Generator<readonly [number: number, value: number | Uint8Array]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at];
      if (byte === undefined) throw new RangeError('it ends in a number');
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (type === WIRE.varint) yield [number, varint()];
    else if (type === WIRE.bytes) {
      const length = varint();
      if (at + length > bytes.length) throw new RangeError('it ends in a field');
      at += length;
      yield [number, bytes.subarray(at - length, at)];
    } else if (type === WIRE.fixed64) at += 8;
    else if (type === WIRE.fixed32) at += 4;
    else throw new RangeError(`wire type ${type}`);
  }
}
