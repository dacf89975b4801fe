/**
 * Where secrets go in the canary test, for one mode of capture: content (what callers and providers say) and credentials.
 * In `full` content is what was asked to be kept, so that only its credentials are looked for.
 */
import type { CaptureMode } from '../../../contract/columns.ts';
import type { Canaries, CanaryKind } from './canaries.ts';

const KINDS: readonly CanaryKind[] = ['email', 'card', 'key', 'ssn', 'phone', 'iban', 'ip'];
/** Where a secret is cut off: enough of it has gone by to be known again. */
const CUT_AT = 0.7;
/** Classes of which the beginning alone is like no other's. */
const CUT_KINDS: readonly CanaryKind[] = ['email', 'card', 'key', 'iban'];

export interface Planter {
  readonly mode: CaptureMode;
  /** A secret of the next class in turn. */
  secret(where: string, kind?: CanaryKind): string;
  /** A sentence with two. */
  said(where: string): string;
  /** A sentence in three pieces, so that no event has all of its secret. */
  pieces(where: string): readonly string[];
  /** The same, broken off within the secret: what went by of it is looked for. */
  brokenPieces(where: string): readonly string[];
  credential(where: string, kind?: CanaryKind): string;
}

export function createPlanter(canaries: Canaries, mode: CaptureMode): Planter {
  let turn = 0;
  const next = (): CanaryKind => KINDS[turn++ % KINDS.length] as CanaryKind;
  const secret = (where: string, kind: CanaryKind = next()): string =>
    mode === 'full' ? canaries.make(kind) : canaries.plant(kind, `${mode}: ${where}`);
  const said = (where: string): string => `Please note ${secret(where)} with ${secret(`${where}, second`)} and go on.`;
  return {
    mode,
    secret,
    said,
    pieces: (where) => split(said(where), 3),
    brokenPieces(where) {
      const kind = CUT_KINDS[turn++ % CUT_KINDS.length] as CanaryKind;
      const whole = canaries.make(kind);
      const begun = whole.slice(0, Math.ceil(whole.length * CUT_AT));
      if (mode !== 'full') canaries.keep(begun, `${mode}: ${where}, the beginning of ${kind}`);
      return ['Please note ', ...split(begun, 2)];
    },
    credential: (where, kind = 'bearer') => canaries.plant(kind, `${mode}: ${where}`),
  };
}

export function split(text: string, pieces: number): string[] {
  const length = Math.ceil(text.length / pieces);
  return Array.from({ length: pieces }, (_, at) => text.slice(at * length, (at + 1) * length)).filter((piece) => piece !== '');
}
