/**
 * As much of ClickHouse's native protocol as it takes to ask one question and hear whether it was refused: revision
 * 54031, the last without client information. https://clickhouse.com/docs/native-protocol/basics
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const REVISION = 54_031;
const PACKETS = { hello: 0, data: 1, exception: 2, progress: 3, end: 5 } as const;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  while (left >= 0x80) {
    bytes.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  return Buffer.from([...bytes, left]);
}
const text = (value: string): Buffer => Buffer.concat([varint(Buffer.byteLength(value)), Buffer.from(value)]);

export interface NativeAnswer {
  /** The server's words; undefined: the query was taken. */
  readonly exception: string | undefined;
}

export async function nativeQuery(options: {
  port: number;
  database: string;
  user: string;
  password: string;
  sql: string;
}): Promise<NativeAnswer> {
  const socket = connect(options.port, '127.0.0.1');
  await once(socket, 'connect');
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  socket.on('error', () => {});
  const more = () => Promise.race([once(socket, 'data'), once(socket, 'close')]);
  try {
    socket.write(
      Buffer.concat([
        varint(0),
        text('glassway-test'),
        varint(1),
        varint(1),
        varint(REVISION),
        text(options.database),
        text(options.user),
        text(options.password),
      ]),
    );
    while (received.length === 0 && !socket.destroyed) await more();
    if (received[0] !== PACKETS.hello) return { exception: received.toString('latin1') };
    const greeted = received.length;
    // Query: id, no settings, stage complete, no compression, the text; then an empty block of external data.
    socket.write(
      Buffer.concat([
        varint(1),
        text(''),
        text(''),
        varint(2),
        varint(0),
        text(options.sql),
        varint(2),
        text(''),
        BLOCK_INFO,
        varint(0),
        varint(0),
      ]),
    );
    while (received.length === greeted && !socket.destroyed) await more();
    const answer = received.subarray(greeted);
    return {
      exception:
        answer[0] === PACKETS.exception || answer.includes('DB::Exception') || answer.length === 0 ? answer.toString('latin1') : undefined,
    };
  } finally {
    socket.destroy();
  }
}

/** Field 1: no overflow; field 2: bucket -1. */
const BLOCK_INFO = Buffer.concat([varint(1), Buffer.from([0]), varint(2), Buffer.from([0xff, 0xff, 0xff, 0xff]), varint(0)]);
