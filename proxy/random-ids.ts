/** Ids that a call is given where its caller gave none: random digits, and UUIDs that sort by time. */
import { randomFillSync } from 'node:crypto';

const RANDOM_BYTES = 4_096;
let randomText = '';
let randomAt = 0;

/**
 * So many random hexadecimal digits, of many that were drawn and written at once: a call takes 80, and a system call for them, or
 * a conversion of each, costs more than they do.
 */
export function randomHex(digits: number): string {
  if (randomAt + digits > randomText.length) {
    randomText = randomFillSync(Buffer.allocUnsafe(RANDOM_BYTES)).toString('hex');
    randomAt = 0;
  }
  randomAt += digits;
  return randomText.slice(randomAt - digits, randomAt);
}

let uuidTime_ms = 0;
let uuidTime = '';

/** RFC 9562 §5.7: milliseconds, version, randomness. */
export function uuidv7(): string {
  const now_ms = Date.now();
  if (now_ms !== uuidTime_ms) {
    const digits = now_ms.toString(16).padStart(12, '0');
    uuidTime = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
    uuidTime_ms = now_ms;
  }
  const random = randomHex(32);
  // The variant's two bits are 10.
  const variant = '89ab'[random.charCodeAt(0) & 3] as string;
  return `${uuidTime}${random.slice(1, 4)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}
