/** What the provider of the canary test answers: bodies and streams in each framing that Glassway reads. */
import { crc32 } from 'node:zlib';
import type { StreamFraming } from '../../../proxy/providers/provider.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly chunks: readonly (string | Buffer)[];
  /** The connection breaks after the last chunk. */
  readonly cut?: boolean;
}

export const json = (value: unknown): string => JSON.stringify(value);

export const whole = (value: unknown, status = 200): Answer => ({ status, type: 'application/json', chunks: [json(value)] });

export const plain = (text: string, status = 200): Answer => ({ status, type: 'text/plain', chunks: [text] });

interface Framing {
  readonly type: string;
  readonly frame: (event: unknown, at: number) => string | Buffer;
  /** After the last event of a stream that ends. */
  readonly end: string;
}

const FRAMINGS: Readonly<Record<StreamFraming, Framing>> = {
  sse: { type: 'text/event-stream', frame: (event) => `data: ${json(event)}\n\n`, end: 'data: [DONE]\n\n' },
  ndjson: { type: 'application/x-ndjson', frame: (event) => `${json(event)}\n`, end: '' },
  'json-array': { type: 'application/json', frame: (event, at) => `${at === 0 ? '[' : ','}${json(event)}`, end: ']' },
  'aws-event-stream': { type: 'application/vnd.amazon.eventstream', frame: (event) => awsEvent('contentBlockDelta', event), end: '' },
};

/** `cut`: it breaks off after the last event. */
export function stream(framing: StreamFraming, events: readonly unknown[], cut = false): Answer {
  const { type, frame, end } = FRAMINGS[framing];
  return { status: 200, type, chunks: [...events.map(frame), ...(cut || end === '' ? [] : [end])], cut };
}

/** One message of AWS's event stream. */
function awsEvent(name: string, payload: unknown): Buffer {
  const header = (key: string, value: string): Buffer =>
    Buffer.concat([Buffer.from([key.length]), Buffer.from(key), Buffer.from([7, 0, value.length]), Buffer.from(value)]);
  const headers = Buffer.concat([
    header(':event-type', name),
    header(':content-type', 'application/json'),
    header(':message-type', 'event'),
  ]);
  const body = Buffer.from(json(payload));
  const message = Buffer.alloc(16 + headers.length + body.length);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(headers.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  headers.copy(message, 12);
  body.copy(message, 12 + headers.length);
  message.writeUInt32BE(crc32(message.subarray(0, -4)), message.length - 4);
  return message;
}
