/**
 * Secrets made for one test: each unlike all others, each of a class that redaction names, and a search that finds them
 * in any of the forms in which they may have been written. Gives what was found, and where.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { luhn } from '../../../proxy/redact/checksums.ts';

/** By itself: in Jest's context a name of the global object is looked up by its embedder each time. */
const { imul } = Math;

export type CanaryKind = 'email' | 'card' | 'key' | 'ssn' | 'phone' | 'iban' | 'ip' | 'bearer';

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

/** ISO 13616: of the account's digits, `DE` as 1314 and two noughts the rest by 97 says the check digits. */
function iban(n: number): string {
  const account = `${digits(n, 10)}37040044`;
  const check = 98n - (BigInt(`${account}131400`) % 97n);
  return `DE${String(check).padStart(2, '0')}${account}`;
}

const MAKERS: Readonly<Record<CanaryKind, (n: number) => string>> = {
  email: (n) => `canary.${core(n)}@mail.example.com`,
  card,
  key: (n) => `sk-${'proj'}-${core(n)}${core(n + 5_000)}`,
  ssn: (n) => `${100 + (n % 500)}-${String(10 + (n % 80)).padStart(2, '0')}-${String(1_000 + ((n * 37) % 8_999))}`,
  phone: (n) => `+49 30 ${digits(n, 8)}`,
  iban,
  ip: (n) => `${20 + (n % 80)}.${(n * 7) % 256}.${Math.floor(n / 250) + 100}.${100 + ((n * 29) % 150)}`,
  bearer: (n) => `tok.${core(n)}.${core(n + 7_000)}7`,
};

interface Form {
  readonly text: Buffer;
  readonly canary: number;
}

/** So many bytes of a form find it; all of it is compared. */
const PREFIX_BYTES = 6;
/** Says of most places at once that no form begins there. */
const FILTER_BITS = 22;

export class Canaries {
  readonly planted: { readonly value: string; readonly where: string }[] = [];
  readonly #forms = new Map<number, Form[]>();
  readonly #filter = new Uint8Array(2 ** FILTER_BITS);
  #made = 0;

  /** A value that nothing else has, and that is not looked for. */
  make(kind: CanaryKind): string {
    this.#made += 1;
    return MAKERS[kind](this.#made);
  }

  /** A new one; `where` is what a failure says. */
  plant(kind: CanaryKind, where: string): string {
    return this.keep(this.make(kind), `${kind} in ${where}`);
  }

  /** One that was made elsewhere. */
  keep(value: string, where: string): string {
    const canary = this.planted.push({ value, where }) - 1;
    for (const form of formsOf(value)) {
      const text = Buffer.from(form, 'latin1');
      const [high, low] = [text.readUIntBE(0, 3), text.readUIntBE(3, 3)];
      const prefix = high * 2 ** 24 + low;
      this.#filter[filterPlace(high, low)] = 1;
      const known = this.#forms.get(prefix);
      if (known === undefined) this.#forms.set(prefix, [{ text, canary }]);
      else known.push({ text, canary });
    }
    return value;
  }

  /** The planted ones that these bytes have, in any form. */
  search(bytes: Buffer): string[] {
    const found = new Set<number>();
    for (const each of [bytes, ...unfolded(bytes)]) this.#searchIn(lowered(each), found);
    return [...found].map((canary) => this.planted[canary]?.where ?? '');
  }

  #searchIn(bytes: Buffer, found: Set<number>): void {
    let high = 0;
    let low = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      high = ((high << 8) | (low >>> 16)) & 0xffffff;
      low = ((low << 8) | (bytes[at] as number)) & 0xffffff;
      if (this.#filter[filterPlace(high, low)] === 0) continue;
      const start = at - PREFIX_BYTES + 1;
      for (const { text, canary } of this.#forms.get(high * 2 ** 24 + low) ?? [])
        if (start >= 0 && bytes.compare(text, 0, text.length, start, Math.min(bytes.length, start + text.length)) === 0) found.add(canary);
    }
  }
}

function filterPlace(high: number, low: number): number {
  return (imul(high, 0x9e3779b1) ^ imul(low, 0x85ebca6b)) >>> (32 - FILTER_BITS);
}

/** ASCII only: no form has other letters. */
function lowered(bytes: Buffer): Buffer {
  const lower = Buffer.from(bytes);
  for (let at = 0; at < lower.length; at += 1) {
    const byte = lower[at] as number;
    if (byte >= 0x41 && byte <= 0x5a) lower[at] = byte | 0x20;
  }
  return lower;
}

/** Fewer digits than that stand in texts of their own accord. */
const DIGITS_MIN = 12;

/** As it is, in JSON's and in URLs' escapes, without its spaces and dashes, and in base64 from any of its three places on. In lower case. */
function formsOf(value: string): Set<string> {
  const bare = value.replace(/[ -]/g, '');
  const forms = [
    value,
    value.replace('@', '\\u0040'),
    encodeURIComponent(value),
    ...(/^[\d +-]+$/.test(value) && bare.length >= DIGITS_MIN ? [bare] : []),
    ...[0, 1, 2].map((before) => {
      const bytes = Buffer.from(`${'x'.repeat(before)}${value}`);
      // Only the letters that come of the value alone.
      return bytes.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6));
    }),
  ];
  return new Set(forms.map((form) => form.toLowerCase()).filter((form) => form.length >= PREFIX_BYTES));
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
