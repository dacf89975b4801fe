/**
 * E-mail addresses, phone numbers, bank accounts and IP addresses in a text. What can be looked for by one
 * character that it must have (an at sign, a colon) is; the rest by bounded patterns. Linear in the text's length.
 */
import { isIPv6 } from 'node:net';
import { ibanRemainder } from './checksums.ts';
import type { Span } from './spans.ts';

const LOCAL_PART = /[\p{L}\p{N}\p{M}._%+'-]/u;
const DOMAIN_CHARACTER = /[\p{L}\p{N}\p{M}.-]/u;
const DOMAIN = /^(?:[\p{L}\p{N}\p{M}](?:[\p{L}\p{N}\p{M}-]{0,62})\.){1,8}[\p{L}\p{M}][\p{L}\p{N}\p{M}-]{1,62}/u;
const LOCAL_CHARS_MAX = 64;
const DOMAIN_CHARS_MAX = 255;

/** RFC 5322 addresses as people write them: no comments, no quoted local parts. */
export function findEmails(text: string): Span[] {
  const spans: Span[] = [];
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    let start = at;
    while (start > 0 && at - start < LOCAL_CHARS_MAX && LOCAL_PART.test(text[start - 1] as string)) start -= 1;
    // A quote before it is no part of it.
    while (start < at && /[.'-]/.test(text[start] as string)) start += 1;
    let end = at + 1;
    while (end < text.length && end - at < DOMAIN_CHARS_MAX && DOMAIN_CHARACTER.test(text[end] as string)) end += 1;
    const domain = DOMAIN.exec(text.slice(at + 1, end))?.[0];
    if (start < at && domain !== undefined) spans.push({ start, end: at + 1 + domain.length, label: 'email' });
  }
  return spans;
}

/**
 * Numbers that say by themselves that they are phone numbers: by a country code, by the way they are written, or by
 * a word before them. Ten digits alone are an id as often as a phone.
 */
const PHONES: readonly RegExp[] = [
  // E.164 with its plus sign, or 00, in groups or not.
  /(?<![\w+])(?:\+|00(?=[1-9]))\d{1,3}(?:[ .\-/]?\(\d{1,4}\))?(?:[ .\-/]{0,2}\d){6,13}(?!\d)/g,
  // North America: (555) 123-4567, 555-123-4567, 1-555-123-4567.
  /(?<![\w.-])(?:1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-])/g,
  // Elsewhere: a trunk 0, in groups, 9 to 12 digits.
  /(?<![\w.,-])\(?0[1-9]\d{0,4}\)?[ /-]\d{2,8}(?:[ -]\d{2,6}){0,4}(?![\w-])/g,
  // After a word, in any form; what comes after the word is the number.
  /(?<!\p{L})(?:phone|tel|telephone|mobile|cell|fax|whatsapp|telefon|handy|mobil|t[ée]l[ée]phone|tel[ée]fono|телефон|电话|電話)(?: ?(?:number|no|nummer|is|ist|[:.#=])){0,3}["']? ?["']?(\(?\d(?:[ .\-/()]{0,2}\d){6,14})(?!\d)/giu,
];
const PHONE_DIGITS_MIN = 7;
/** E.164: fifteen at most; those with a trunk prefix of two beyond. */
const PHONE_DIGITS_MAX = 17;
/** National forms with fewer digits are dates and part numbers. */
const TRUNK_DIGITS_MIN = 9;

export function findPhones(text: string): Span[] {
  const spans: Span[] = [];
  for (const [form, pattern] of PHONES.entries())
    for (const match of text.matchAll(pattern)) {
      const number = match[1] ?? match[0];
      const digits = number.replace(/\D/g, '').length;
      const digitsMin = form === 2 ? TRUNK_DIGITS_MIN : PHONE_DIGITS_MIN;
      if (digits >= digitsMin && digits <= PHONE_DIGITS_MAX)
        spans.push({ start: match.index + match[0].length - number.length, end: match.index + match[0].length, label: 'phone' });
    }
  return spans;
}

/** Length by country: SWIFT's IBAN registry. */
const IBAN_LENGTHS: Readonly<Record<string, number>> = {
  ...{ AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BI: 27, BR: 29, BY: 28, CH: 21, CR: 22, CY: 28, CZ: 24 },
  ...{ DE: 22, DJ: 27, DK: 18, DO: 28, EE: 20, EG: 29, ES: 24, FI: 18, FK: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18, GR: 27 },
  ...{ GT: 28, HN: 28, HR: 21, HU: 28, IE: 22, IL: 23, IQ: 23, IS: 26, IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28, LC: 32, LI: 21, LT: 20 },
  ...{ LU: 20, LV: 21, LY: 25, MC: 27, MD: 24, ME: 22, MK: 19, MN: 20, MR: 27, MT: 31, MU: 30, NI: 28, NL: 18, NO: 15, OM: 23, PK: 24 },
  ...{ PL: 28, PS: 29, PT: 25, QA: 29, RO: 24, RS: 22, RU: 33, SA: 24, SC: 31, SD: 18, SE: 24, SI: 19, SK: 24, SM: 27, SO: 23, ST: 25 },
  ...{ SV: 28, TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20, YE: 30 },
};
const IBAN_START = /(?<![\p{L}\p{N}])[A-Z]{2}[ -]?\d{2}/giu;
const ALPHANUMERIC = /[A-Za-z0-9]/;

export function findIbans(text: string): Span[] {
  const spans: Span[] = [];
  for (const { index } of text.matchAll(IBAN_START)) {
    const length = IBAN_LENGTHS[text.slice(index, index + 2).toUpperCase()];
    if (length === undefined) continue;
    let compact = '';
    let at = index;
    for (; compact.length < length && at < text.length; at += 1) {
      const character = text[at] as string;
      if (ALPHANUMERIC.test(character)) compact += character;
      else if ((character !== ' ' && character !== '-') || !ALPHANUMERIC.test(text[at - 1] as string)) break;
    }
    if (compact.length === length && !ALPHANUMERIC.test(text[at] ?? '') && ibanRemainder(compact.toUpperCase()))
      spans.push({ start: index, end: at, label: 'iban' });
  }
  return spans;
}

const IPV4 = /(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)/g;
/** Names nobody: this host, any host, masks. */
const NOBODY_IPV4 = /^(?:127\.|0\.0\.0\.0$|255\.255\.)/;
const IPV6_CANDIDATE = /(?<![\w:.])[0-9a-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])/gi;
const IPV6_COLONS_MIN = 3;
/** Global unicast, unique local and link local addresses: https://www.iana.org/assignments/ipv6-address-space */
const IPV6_PREFIX = /^(?:[23][0-9a-f]{3}|f[cde][0-9a-f]{2}):/i;

export function findIps(text: string): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(IPV4))
    if (!NOBODY_IPV4.test(match[0])) spans.push({ start: match.index, end: match.index + match[0].length, label: 'ip' });
  if (!text.includes(':')) return spans;
  for (const match of text.matchAll(IPV6_CANDIDATE)) {
    const address = match[0].replace(/(?<!:):$/, '');
    // `abc::def` is an address to the standard and a name to every programmer.
    const named = /\d/.test(address) && (address.split(':').length > IPV6_COLONS_MIN || IPV6_PREFIX.test(address));
    if (named && isIPv6(address)) spans.push({ start: match.index, end: match.index + address.length, label: 'ip' });
  }
  return spans;
}
