import * as zlib from 'node:zlib';
import { createBodyDecoder, type DecodeFault } from '../../proxy/decode.ts';

interface Decoded {
  readonly text: string;
  readonly fault: DecodeFault | undefined;
  readonly synchronous: boolean;
}

async function decode(
  contentEncoding: string,
  pieces: readonly Uint8Array[],
  changes: { bytesMax?: number; streaming?: boolean } = {},
): Promise<Decoded> {
  const chunks: Buffer[] = [];
  let fault: DecodeFault | undefined;
  const decoder = createBodyDecoder({
    contentEncoding,
    bytesMax: changes.bytesMax ?? 64 * 1024 * 1024,
    streaming: changes.streaming ?? false,
    onData: (chunk) => chunks.push(Buffer.from(chunk)),
    onFault: (reason) => {
      expect(fault).toBeUndefined();
      fault = reason;
    },
  });
  for (const piece of pieces) decoder.push(piece);
  const synchronous = await new Promise<boolean>((resolve) => {
    let returned = false;
    decoder.end(() => resolve(!returned));
    returned = true;
  });
  return { text: Buffer.concat(chunks).toString('utf8'), fault, synchronous };
}

const TEXT = 'Grüße, 世界! '.repeat(500);
const CODINGS = [
  ['gzip', zlib.gzipSync(TEXT)],
  ['X-GZIP', zlib.gzipSync(TEXT)],
  ['deflate', zlib.deflateSync(TEXT)],
  ['deflate', zlib.deflateRawSync(TEXT)],
  ['br', zlib.brotliCompressSync(TEXT)],
  ['zstd', zlib.zstdCompressSync(TEXT)],
  ['gzip, identity, zstd ,br', zlib.brotliCompressSync(zlib.zstdCompressSync(zlib.gzipSync(TEXT)))],
  ['', Buffer.from(TEXT)],
  ['identity', Buffer.from(TEXT)],
] as const;

const bytewise = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1));

test.each(CODINGS)('%s is taken off, in one piece and byte by byte, at the end and streaming', async (coding, bytes) => {
  for (const pieces of [[bytes], bytewise(bytes)]) {
    expect(await decode(coding, pieces)).toEqual({ text: TEXT, fault: undefined, synchronous: true });
    expect(await decode(coding, pieces, { streaming: true })).toMatchObject({ text: TEXT, fault: undefined });
  }
});

test.each(CODINGS)('%s cut off gives what it holds until there', async (coding, bytes) => {
  for (const streaming of [false, true]) {
    const { text, fault } = await decode(coding, [bytes.subarray(0, bytes.length - 4)], { streaming });
    expect(fault).toBeUndefined();
    expect(TEXT.startsWith(text.replace(/\ufffd+$/, ''))).toBe(true);
  }
});

test.each([
  ['gzip', () => zlib.createGzip(), zlib.constants.Z_SYNC_FLUSH],
  ['deflate', () => zlib.createDeflate(), zlib.constants.Z_SYNC_FLUSH],
  ['br', () => zlib.createBrotliCompress(), zlib.constants.BROTLI_OPERATION_FLUSH],
  ['zstd', () => zlib.createZstdCompress(), zlib.constants.ZSTD_e_flush],
] as const)('a stream in %s is decoded event by event, before it ends', async (contentEncoding, create, flush) => {
  const encoder = create();
  let arrived: (text: string) => void = () => undefined;
  const decoder = createBodyDecoder({
    contentEncoding,
    bytesMax: 1_000_000,
    streaming: true,
    onData: (chunk) => arrived(Buffer.from(chunk).toString('utf8')),
    onFault: (fault) => arrived(fault),
  });
  encoder.on('data', (chunk: Buffer) => decoder.push(chunk));
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    const decoded = new Promise<string>((resolve) => {
      arrived = resolve;
    });
    encoder.write(event);
    encoder.flush(flush);
    expect(await decoded).toBe(event);
  }
  encoder.destroy();
  await new Promise<void>((resolve) => decoder.end(resolve));
});

test('a coding that is not known leaves the body unread and says so', async () => {
  for (const coding of ['compress', 'aws-chunked', 'gzip, constructor', 'gzip,gzip,gzip,gzip,gzip'])
    expect(await decode(coding, [Buffer.from('x')])).toEqual({ text: '', fault: 'unknown_encoding', synchronous: true });
});

test('an empty body in any coding is no fault', async () => {
  for (const coding of ['gzip', 'br', 'unknown', ''])
    for (const streaming of [false, true])
      expect(await decode(coding, [], { streaming })).toEqual({ text: '', fault: undefined, synchronous: true });
});

test('bytes that are not in their coding are a fault, and what came before them counts', async () => {
  const damaged = [zlib.gzipSync('good'), Buffer.from([0x1f, 0x8b, 0xff, 0xff])];
  for (const streaming of [false, true]) {
    expect(await decode('gzip', [Buffer.from('no gzip at all')], { streaming })).toMatchObject({ text: '', fault: 'decode_failed' });
    expect(await decode('gzip', damaged, { streaming })).toMatchObject({ text: 'good', fault: 'decode_failed' });
    expect(await decode('gzip, br', [zlib.brotliCompressSync('no gzip')], { streaming })).toMatchObject({ fault: 'decode_failed' });
  }
});

test('a bomb is read up to the limit only, in every coding', async () => {
  const zeros = Buffer.alloc(32 * 1024 * 1024);
  const bytesMax = 100_000;
  const bombs = [
    ['gzip', zlib.gzipSync(zeros)],
    ['br', zlib.brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })],
    ['zstd', zlib.zstdCompressSync(zeros)],
    ['gzip, gzip', zlib.gzipSync(zlib.gzipSync(zeros))],
  ] as const;
  for (const [coding, bytes] of bombs) {
    const { text, fault } = await decode(coding, [bytes], { bytesMax });
    expect({ length: text.length, fault }).toEqual({ length: bytesMax, fault: 'too_large' });
  }
  expect(await decode('', [zeros, zeros], { bytesMax })).toMatchObject({ fault: 'too_large', synchronous: true });
});

test('a large body that decodes to more than fits into one go is decoded all the same', async () => {
  const text = 'x'.repeat(9 * 1024 * 1024);
  const decoded = await decode('gzip', [zlib.gzipSync(text)]);
  expect({ same: decoded.text === text, fault: decoded.fault }).toEqual({ same: true, fault: undefined });
});
