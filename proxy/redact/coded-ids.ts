/**
 * National ids that have letters in them, by country, with their check characters where they have any.
 * Each pattern is anchored at a word's border and bounded, so that looking is linear in the text's length.
 */
import { mod97 } from './checksums.ts';
import type { Span } from './spans.ts';

interface CodedId {
  readonly pattern: RegExp;
  /** The match without spaces and dashes, in upper case. */
  readonly check?: (compact: string) => boolean;
}

const DNI_LETTERS = 'TRWAGMYFPDXBNJZSQVHLCKE';
const HETU_CHARACTERS = '0123456789ABCDEFHJKLMNPRSTUVWXY';
/** Values of characters in odd places of a codice fiscale: Decreto ministeriale 23 dicembre 1976. */
const FISCALE_ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
const CN_WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CN_CHECKS = '10X98765432';

const IDS: readonly CodedId[] = [
  // United Kingdom: National Insurance number. https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110
  { pattern: /(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D](?!\w)/gi },
  // Spain: DNI, and NIE for foreigners, whose first letter stands for a digit.
  {
    pattern: /(?<!\w)(?:\d{8}|[XYZ][- ]?\d{7})[- ]?[A-HJ-NP-TV-Z](?!\w)/gi,
    check: (id) => DNI_LETTERS[Number(id.slice(0, -1).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter)))) % 23] === id.at(-1),
  },
  // Italy: codice fiscale; its digits may be letters where two people would share one.
  {
    pattern: /(?<!\w)[A-Z]{6} ?[\dLMNP-V]{2}[A-EHLMPRST][\dLMNP-V]{2} ?[A-Z][\dLMNP-V]{3}[A-Z](?!\w)/gi,
    check: (id) => {
      let sum = 0;
      for (let i = 0; i < 15; i += 1) {
        const value = Number.parseInt(id[i] as string, 36);
        const index = value >= 10 ? value - 10 : value;
        sum += i % 2 === 0 ? (FISCALE_ODD[index] as number) : index;
      }
      return String.fromCharCode(65 + (sum % 26)) === id[15];
    },
  },
  // France: the numéro de sécurité sociale of those born in Corsica (2A is read as 19, 2B as 18).
  {
    pattern: /(?<!\w)[12] ?\d\d ?[01]\d ?2[AB] ?\d{3} ?\d{3} ?\d\d(?!\w)/gi,
    check: (id) => 97 - mod97(id.slice(0, 13).replace('2A', '19').replace('2B', '18')) === Number(id.slice(13)),
  },
  // Finland: henkilötunnus.
  {
    pattern: /(?<!\w)[0-3]\d[01]\d\d\d[-+A-FU-Y]\d{3}[0-9A-Y](?!\w)/gi,
    check: (id) => {
      const digits = id.replace(/\D/g, '').slice(0, 9);
      return HETU_CHARACTERS[Number(digits.slice(0, 9)) % 31] === id.at(-1);
    },
  },
  // China: resident identity number, GB 11643 (ISO 7064 mod 11-2).
  {
    pattern: /(?<!\w)[1-9]\d{5}(?:19|20)\d\d[01]\d[0-3]\d\d{3}[\dX](?!\w)/gi,
    check: (id) => CN_CHECKS[CN_WEIGHTS.reduce((sum, weight, i) => sum + weight * Number(id[i]), 0) % 11] === id[17],
  },
  // Mexico: CURP.
  { pattern: /(?<!\w)[A-Z][AEIOUX][A-Z]{2}\d\d[01]\d[0-3]\d[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[A-Z\d]\d(?!\w)/gi },
  // Singapore: NRIC and FIN.
  {
    pattern: /(?<!\w)[STFG]\d{7}[A-Z](?!\w)/gi,
    check: (id) => {
      const sum = [2, 7, 6, 5, 4, 3, 2].reduce((total, weight, i) => total + weight * Number(id[i + 1]), 0);
      const offset = /^[TG]/.test(id) ? 4 : 0;
      return (/^[ST]/.test(id) ? 'JZIHGFEDCBA' : 'XWUTRQPNMLK')[(sum + offset) % 11] === id[8];
    },
  },
];

/** Finnish ids have their sign inside, which the compact form must keep. */
const compactOf = (match: string): string => match.replace(/[ ]/g, '').toUpperCase();

export function findCodedIds(text: string): Span[] {
  const spans: Span[] = [];
  for (const { pattern, check } of IDS)
    for (const match of text.matchAll(pattern)) {
      const compact = compactOf(match[0]);
      if (check === undefined || check(compact) || check(compact.replace(/-/g, '')))
        spans.push({ start: match.index, end: match.index + match[0].length, label: 'national_id' });
    }
  return spans;
}
