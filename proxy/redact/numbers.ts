/**
 * Numbers made of digits alone: payment cards and national ids. Finds runs of digits, with the separators that
 * people write, and asks the table which kind a part of a run can be. A kind without a check digit, or with a weak
 * one, counts only in its usual grouping or after a word that announces it. Linear in the text's length.
 */
import { checkedBy11, isMonthDay, luhn, mod11And10, mod97, verhoeff, weighted } from './checksums.ts';
import type { Span } from './spans.ts';

interface NumberKind {
  readonly label: 'card' | 'national_id';
  readonly lengths: readonly number[];
  readonly check: (digits: string) => boolean;
  /** The sizes of the groups that it is written in; missing: any. */
  readonly groups?: readonly string[];
  /** Announces it, a short way before: then any grouping counts. */
  readonly word?: RegExp;
}

const two = (digits: string, at: number): number => Number(digits.slice(at, at + 2));
const sameDigits = (digits: string): boolean => /^(\d)\1*$/.test(digits);

/** Issuer ranges, ISO/IEC 7812 as the schemes publish them: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro, Mir, RuPay. */
const CARD_PREFIX = /^(?:4|5[0-9]|2[2-7]|3[4-9]|6|30|8[12])/;

const KINDS: readonly NumberKind[] = [
  {
    label: 'card',
    lengths: [13, 14, 15, 16, 17, 18, 19],
    check: (digits) => CARD_PREFIX.test(digits) && !sameDigits(digits) && luhn(digits),
  },
  // US: social security number. https://www.ssa.gov/employer/randomization.html
  {
    label: 'national_id',
    lengths: [9],
    groups: ['3-2-4'],
    word: /\b(?:ssn|itin|social\s+security)\b/i,
    check: (digits) => !/^(?:000|666)|^\d{3}00|0000$/.test(digits),
  },
  // Germany: Steuer-ID. https://www.zfa.bund.de (check digit, one digit of the first ten two or three times)
  {
    label: 'national_id',
    lengths: [11],
    groups: ['11', '2-3-3-3'],
    check: (digits) => digits[0] !== '0' && repeatsOnce(digits.slice(0, 10)) && mod11And10(digits),
  },
  // France: numéro de sécurité sociale (INSEE), mainland; Corsica's letters are in coded-ids.ts.
  {
    label: 'national_id',
    lengths: [15],
    groups: ['15', '13-2', '1-2-2-2-3-3-2'],
    check: (digits) => /^[123478]\d\d(?:0[1-9]|1[0-2]|[2-9]\d)/.test(digits) && 97 - mod97(digits.slice(0, 13)) === two(digits, 13),
  },
  // Netherlands: BSN, eleven-test with the last weight −1. One number in eleven passes it.
  {
    label: 'national_id',
    lengths: [9],
    groups: [],
    word: /\b(?:bsn|burgerservicenummer|sofi(?:nummer|-nummer)?)\b/i,
    check: (digits) => weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, 10], 11),
  },
  // Brazil: CPF, two check digits.
  {
    label: 'national_id',
    lengths: [11],
    groups: ['11', '3-3-3-2', '9-2'],
    check: (digits) =>
      !sameDigits(digits) &&
      checkedBy11(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2], 0) &&
      checkedBy11(digits, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2], 0),
  },
  // India: Aadhaar, Verhoeff.
  {
    label: 'national_id',
    lengths: [12],
    groups: ['4-4-4'],
    word: /\b(?:aadhaar|aadhar|uidai)\b/i,
    check: (digits) => /^[2-9]/.test(digits) && verhoeff(digits),
  },
  // United Kingdom: NHS number.
  {
    label: 'national_id',
    lengths: [10],
    groups: ['3-3-4'],
    word: /\bnhs\b/i,
    check: (digits) => !sameDigits(digits) && checkedBy11(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2], 0),
  },
  // Canada: SIN.
  {
    label: 'national_id',
    lengths: [9],
    groups: ['3-3-3'],
    word: /\b(?:sin|social\s+insurance)\b/i,
    check: (digits) => /^[1-79]/.test(digits) && luhn(digits),
  },
  // Australia: TFN.
  {
    label: 'national_id',
    lengths: [9],
    groups: ['3-3-3'],
    word: /\b(?:tfn|tax\s+file)\b/i,
    check: (digits) => weighted(digits, [1, 4, 3, 7, 5, 8, 6, 9, 10], 11),
  },
  // Switzerland: AHV/AVS, an EAN-13 under the country's prefix.
  {
    label: 'national_id',
    lengths: [13],
    groups: ['13', '3-4-4-2'],
    check: (digits) => digits.startsWith('756') && weighted(digits, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1], 10),
  },
  // Belgium: rijksregisternummer, what its first nine digits leave to 97; a 2 before them from birth year 2000 on.
  {
    label: 'national_id',
    lengths: [11],
    groups: ['11', '2-2-2-3-2', '6-3-2'],
    check: (digits) =>
      two(digits, 2) <= 12 &&
      two(digits, 4) <= 31 &&
      [digits.slice(0, 9), `2${digits.slice(0, 9)}`].some((nine) => 97 - mod97(nine) === two(digits, 9)),
  },
  // Poland: PESEL.
  {
    label: 'national_id',
    lengths: [11],
    groups: ['11'],
    check: (digits) => isMonthDay(two(digits, 2) % 20, two(digits, 4)) && weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1], 10),
  },
  // Norway: fødselsnummer, two check digits.
  {
    label: 'national_id',
    lengths: [11],
    groups: ['11', '6-5'],
    check: (digits) =>
      isMonthDay(two(digits, 2) % 40, two(digits, 0) % 40) &&
      weighted(digits, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1], 11) &&
      weighted(digits, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1], 11),
  },
  // Sweden: personnummer.
  {
    label: 'national_id',
    lengths: [10],
    groups: ['6-4'],
    word: /\bperson(?:nummer|al\s+identity)/i,
    check: (digits) => isMonthDay(two(digits, 2), two(digits, 4) % 60) && luhn(digits),
  },
  {
    label: 'national_id',
    lengths: [12],
    groups: ['12', '8-4'],
    check: (digits) => /^(?:19|20)/.test(digits) && isMonthDay(two(digits, 4), two(digits, 6) % 60) && luhn(digits.slice(2)),
  },
  // Denmark: CPR; numbers given out since 2007 have no check digit.
  {
    label: 'national_id',
    lengths: [10],
    groups: ['6-4'],
    word: /\bcpr\b/i,
    check: (digits) => isMonthDay(two(digits, 2), two(digits, 0)),
  },
  // Turkey: TCKN, two check digits.
  {
    label: 'national_id',
    lengths: [11],
    groups: ['11'],
    check: (digits) => {
      const d = [...digits].map(Number) as [number, number, number, number, number, number, number, number, number, number, number];
      const tenth = (((d[0] + d[2] + d[4] + d[6] + d[8]) * 7 - (d[1] + d[3] + d[5] + d[7])) % 10) + 10;
      return d[0] !== 0 && tenth % 10 === d[9] && d.slice(0, 10).reduce((sum, digit) => sum + digit, 0) % 10 === d[10];
    },
  },
  // South Africa: identity number, its date and Luhn.
  {
    label: 'national_id',
    lengths: [13],
    groups: ['13', '6-4-3', '6-4-2-1'],
    check: (digits) => isMonthDay(two(digits, 2), two(digits, 4)) && /^.{10}[012]/.test(digits) && luhn(digits),
  },
  // South Korea: resident registration number; from 2020 on without a check digit.
  {
    label: 'national_id',
    lengths: [13],
    groups: ['6-7'],
    check: (digits) => isMonthDay(two(digits, 2), two(digits, 4)) && /^.{6}[1-8]/.test(digits),
  },
  // Portugal: NIF.
  {
    label: 'national_id',
    lengths: [9],
    groups: [],
    word: /\b(?:nif|contribuinte)\b/i,
    check: (digits) => checkedBy11(digits, [9, 8, 7, 6, 5, 4, 3, 2], 0),
  },
  // Japan: My Number.
  {
    label: 'national_id',
    lengths: [12],
    groups: [],
    word: /my\s?number|マイナンバー|個人番号/i,
    check: (digits) => checkedBy11(digits, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2], 0),
  },
];

const KINDS_BY_LENGTH = new Map<number, NumberKind[]>();
for (const kind of KINDS) for (const length of kind.lengths) KINDS_BY_LENGTH.set(length, [...(KINDS_BY_LENGTH.get(length) ?? []), kind]);
const LENGTH_MIN = Math.min(...KINDS_BY_LENGTH.keys());
const LENGTH_MAX = Math.max(...KINDS_BY_LENGTH.keys());

/** Of the first ten digits of a Steuer-ID one stands two or three times, the others once at most. */
function repeatsOnce(digits: string): boolean {
  const counts = [...new Set(digits)].map((digit) => digits.split(digit).length - 1);
  return counts.filter((count) => count > 1).length === 1 && Math.max(...counts) <= 3;
}

interface Group {
  readonly start: number;
  readonly end: number;
}

const GROUP = /\d+/g;
/** Between two groups of one number. */
const SEPARATOR_CHARS_MAX = 2;
const SEPARATOR = /^[ .\-/\t]{1,2}$/;
const WORD_CHARS_MAX = 48;
const LETTER = /[\p{L}_]/u;

/** `labels`: the classes asked for. */
export function findNumbers(text: string, labels: ReadonlySet<string>): Span[] {
  const spans: Span[] = [];
  let run: Group[] = [];
  const flush = (): void => {
    if (run.length > 0) findInRun(text, run, labels, spans);
    run = [];
  };
  for (const match of text.matchAll(GROUP)) {
    const group = { start: match.index, end: match.index + match[0].length };
    const last = run.at(-1);
    const gap = last === undefined ? 0 : group.start - last.end;
    if (last !== undefined && (gap > SEPARATOR_CHARS_MAX || !SEPARATOR.test(text.slice(last.end, group.start)))) flush();
    run.push(group);
  }
  flush();
  return spans;
}

/** Every part of the run that begins and ends with a whole group, and is as long as a number can be. */
function findInRun(text: string, run: readonly Group[], labels: ReadonlySet<string>, spans: Span[]): void {
  for (let first = 0; first < run.length; first += 1) {
    let digits = '';
    for (let last = first; last < run.length && digits.length <= LENGTH_MAX; last += 1) {
      const { start, end } = run[last] as Group;
      if (end - start > LENGTH_MAX) break;
      digits += text.slice(start, end);
      if (digits.length < LENGTH_MIN) continue;
      const kinds = KINDS_BY_LENGTH.get(digits.length) ?? [];
      const groups = run.slice(first, last + 1);
      const kind = kinds.find((each) => labels.has(each.label) && isKind(each, digits, groups, text));
      if (kind !== undefined) spans.push({ start: (run[first] as Group).start, end, label: kind.label });
    }
  }
}

function isKind(kind: NumberKind, digits: string, groups: readonly Group[], text: string): boolean {
  const start = (groups[0] as Group).start;
  const end = (groups.at(-1) as Group).end;
  // Part of a word (an id, a hash) or of a fraction is none.
  if (LETTER.test(text[start - 1] ?? '') || LETTER.test(text[end] ?? '')) return false;
  if (!kind.check(digits)) return false;
  if (kind.groups === undefined) return true;
  const sizes = groups.map((group) => group.end - group.start).join('-');
  return kind.groups.includes(sizes) || (kind.word?.test(text.slice(Math.max(0, start - WORD_CHARS_MAX), start)) ?? false);
}
