/**
 * Secrets made for one test: each unlike all others, each of a class that redaction names, and a search that finds them
 * in any of the forms in which they may have been written. Gives what was found, and where.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { luhn } from '../../proxy/redact/checksums.ts';

export type CanaryKind = 'email' | 'card' | 'key' | 'ssn' | 'phone' | 'bearer';

/** Letters and digits that stand in no other text. */
const core = (n: number): string => `${((n + 1) * 7_919_317).toString(36)}q${((n + 3) * 104_729).toString(36)}z`.padEnd(16, 'k');
const digits = (n: number, length: number): string =>
  String((n + 11) * 98_765_431 + 1_000_003)
    .padStart(length, '7')
    .slice(-length);

function card(n: number): string {
  const first = `4${digits(n, 14)}`;
  for (let check = 0; check < 10; check += 1) if (luhn(`${first}${check}`)) return `${first}${check}`;
  throw new Error('one of ten digits checks');
}

const MAKERS: Readonly<Record<CanaryKind, (n: number) => string>> = {
  email: (n) => `canary.${core(n)}@mail.example.com`,
  card,
  key: (n) => `sk-${'proj'}-${core(n)}${core(n + 500)}`,
  ssn: (n) => `${100 + (n % 500)}-${String(10 + (n % 80)).padStart(2, '0')}-${String(1_000 + ((n * 37) % 8_999))}`,
  phone: (n) => `+49 30 ${digits(n, 8)}`,
  bearer: (n) => `tok.${core(n)}.${core(n + 700)}7`,
};

export class Canaries {
  readonly planted: { readonly value: string; readonly where: string }[] = [];

  /** A new one; `where` is what a failure says. */
  plant(kind: CanaryKind, where: string): string {
    const value = MAKERS[kind](this.planted.length);
    this.planted.push({ value, where: `${kind} in ${where}` });
    return value;
  }

  /** The planted ones that these bytes have, in any form. */
  search(bytes: Buffer): string[] {
    const texts = [bytes, ...unfolded(bytes)].map((each) => each.toString('latin1').toLowerCase());
    return this.planted
      .filter(({ value }) => formsOf(value).some((form) => texts.some((text) => text.includes(form))))
      .map(({ where }) => where);
  }
}

const forms = new Map<string, readonly string[]>();

/** As it is, in JSON's and in URLs' escapes, without its spaces and dashes, and in base64 from any of its three places on. In lower case. */
function formsOf(value: string): readonly string[] {
  const known = forms.get(value);
  if (known !== undefined) return known;
  const made = [
    value,
    value.replace('@', '\\u0040'),
    encodeURIComponent(value),
    ...(/^[\d -]{11,}$/.test(value) ? [value.replace(/[ -]/g, '')] : []),
    ...[0, 1, 2].map((before) => {
      const encoded = Buffer.from(`${'x'.repeat(before)}${value}`).toString('base64');
      return encoded.slice(before === 0 ? 0 : 4, -4);
    }),
  ].map((form) => form.toLowerCase());
  forms.set(value, made);
  return made;
}

const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const UNFOLDED_MAX = 64 * 1024 ** 2;

/** Every gzip and zstd frame that begins anywhere in the bytes: ClickHouse's blocks are zstd frames with a header before each. */
function unfolded(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (const [magic, decode] of [
    [GZIP, gunzipSync],
    [ZSTD, zstdDecompressSync],
  ] as const)
    for (let at = bytes.indexOf(magic); at !== -1; at = bytes.indexOf(magic, at + 1)) {
      const text = attempt(() => decode(frameAt(bytes, at), { maxOutputLength: UNFOLDED_MAX }));
      if (text !== undefined) found.push(text);
    }
  return found;
}

/** In ClickHouse's files the size of a block, header of 9 bytes included, stands 8 bytes before the frame. */
function frameAt(bytes: Buffer, at: number): Buffer {
  if (at >= 9 && bytes[at - 9] === 0x90) return bytes.subarray(at, at - 9 + bytes.readUInt32LE(at - 8));
  return bytes.subarray(at);
}

function attempt(step: () => Buffer): Buffer | undefined {
  try {
    return step();
  } catch {
    return undefined; // bytes that look like a beginning
  }
}
