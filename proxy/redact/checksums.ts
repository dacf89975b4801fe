/**
 * Check digits of numbers that name people, cards and accounts. Each takes digits (or the characters that its
 * number is made of) and says whether the number can be one. Pure; knows nothing of formats.
 */

const ZERO = 48;

function digitAt(digits: string, at: number): number {
  return digits.charCodeAt(at) - ZERO;
}

/** ISO/IEC 7812-1 annex B: payment cards, Canadian, Swedish and South African numbers. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = digitAt(digits, digits.length - 1 - i);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** ISO 13616: country and check digits go to the end, letters count from 10, and the whole leaves 1 by 97. */
export function ibanRemainder(compact: string): boolean {
  let remainder = 0;
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

/** ISO/IEC 7064 mod 11,10: the German tax id. */
export function mod11And10(digits: string): boolean {
  let product = 10;
  for (let i = 0; i < digits.length - 1; i += 1) {
    const sum = (digitAt(digits, i) + product) % 10;
    product = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  const check = 11 - product;
  return (check === 10 ? 0 : check) === digitAt(digits, digits.length - 1);
}

/** The weighted sum of digits is a multiple of `modulus`. */
export function weighted(digits: string, weights: readonly number[], modulus: number): boolean {
  let sum = 0;
  for (const [i, weight] of weights.entries()) sum += digitAt(digits, i) * weight;
  return sum % modulus === 0;
}

/** The last digit is what the weighted sum of those before it leaves to 11; 10 and 11 count as `over`. */
export function checkedBy11(digits: string, weights: readonly number[], over: number): boolean {
  let sum = 0;
  for (const [i, weight] of weights.entries()) sum += digitAt(digits, i) * weight;
  const left = 11 - (sum % 11);
  return (left >= 10 ? over : left) === digitAt(digits, weights.length);
}

const VERHOEFF_PRODUCT = [
  ...['0123456789', '1234067895', '2340178956', '3401289567', '4012395678'],
  ...['5987604321', '6598710432', '7659821043', '8765932104', '9876543210'],
];
const VERHOEFF_PERMUTATION = [
  ...['0123456789', '1576283094', '5803796142', '8916043527'],
  ...['9453126870', '4286573901', '2793806415', '7046913258'],
];

/** J. Verhoeff, Error Detecting Decimal Codes (1969): India's Aadhaar. */
export function verhoeff(digits: string): boolean {
  let check = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const permuted = VERHOEFF_PERMUTATION[i % 8]?.[digitAt(digits, digits.length - 1 - i)] ?? '0';
    check = Number(VERHOEFF_PRODUCT[check]?.[Number(permuted)]);
  }
  return check === 0;
}

/** What is left of a number of up to 18 digits by 97. */
export function mod97(digits: string): number {
  return Number(BigInt(digits) % 97n);
}

/** `YYMMDD` or the like, taken apart by the caller. Every month has 31 days here: a look-alike costs nothing. */
export function isMonthDay(month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}
