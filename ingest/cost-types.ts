/** How a cost is told to people: the lines of its sum, and where their prices come from. Types only; the console's page reads them too. */
import type { CostSource } from '../contract/columns.ts';

/** One line of what is charged: so much of `what` (the catalogue's key) at a price for `per` of them. */
export interface Charge {
  readonly what: string;
  readonly count: number;
  readonly price_usd: number;
  readonly per: number;
  readonly usd: number;
}

/** A model's share of a call; most calls have one. */
export interface CostPart {
  /** The list's entry, `openai: gpt-5-mini`, or the user's, `prices.3`. */
  readonly entry: string;
  readonly version: string;
  readonly charges: Charge[];
  /** What service tier, speed and place make of the sum of the charges. */
  factor: number;
}

export interface CostStory {
  /** What the prices in use now make of the call. A cost that the provider named is the provider's: no price was used. */
  readonly source: CostSource;
  readonly cost_usd: string | null;
  readonly version: string;
  readonly parts: readonly (Omit<CostPart, 'charges'> & { readonly charges: readonly (Charge & { readonly label: string })[] })[];
  /** The user's entry in the settings that the call falls under. */
  readonly override: string | null;
  readonly multiplier: number | null;
  /** What made the parts' factors other than 1. */
  readonly conditions: string;
  /** Whether the row's cost is this one; prices may have changed since. */
  readonly agrees: boolean;
  /** Why there is no price; '' when there is one. */
  readonly reason: string;
}
