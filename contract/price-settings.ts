/**
 * The settings that are about money: `prices` (the user's own prices) and `priceCatalogue` (where newer list prices come
 * from). Shapes and checks only; what they mean for a call is ingest's.
 */
import { z } from 'zod';

const USD_MAX = 1_000_000;
const MULTIPLIER_MAX = 100;
const PATTERN_CHARS_MAX = 256;
/** Each entry is looked at for each call. */
const OVERRIDES_MAX = 1_000;

const requiredUsd = z
  .number(`US dollars, 0 to ${USD_MAX}`)
  .min(0, `US dollars, 0 to ${USD_MAX}`)
  .max(USD_MAX, `US dollars, 0 to ${USD_MAX}`);
const usd = requiredUsd.optional();
const pattern = z
  .string(`a name of 1 to ${PATTERN_CHARS_MAX} characters, * and ? as wildcards`)
  .min(1, `a name of 1 to ${PATTERN_CHARS_MAX} characters, * and ? as wildcards`)
  .max(PATTERN_CHARS_MAX, `a name of 1 to ${PATTERN_CHARS_MAX} characters, * and ? as wildcards`)
  // Each star may try every place: a handful is all that a name needs.
  .refine((text) => (text.match(/\*+/g) ?? []).length <= 4, 'at most 4 *')
  .optional();
const date = z
  .string('a date, YYYY-MM-DD, midnight UTC')
  .refine((text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDate(text), 'a date, YYYY-MM-DD, midnight UTC')
  .optional();

const PriceOverride = z
  .strictObject({
    project: pattern,
    upstream: pattern,
    provider: pattern,
    /** Either the model asked for or the model that answered. */
    model: pattern,
    serviceTier: pattern,
    from: date,
    /** The first day that it no longer holds. */
    until: date,
    /** US dollars per million tokens; named like the token columns. */
    perMillion: z
      .strictObject({
        input: requiredUsd,
        output: usd,
        cache_read: usd,
        cache_write: usd,
        cache_write_1h: usd,
        input_audio: usd,
        output_audio: usd,
        input_image: usd,
        reasoning: usd,
      })
      .optional(),
    /** US dollars per answered call. */
    perRequest: usd,
    /** On what the catalogue's prices come to. */
    multiplier: z
      .number(`a factor, 0 to ${MULTIPLIER_MAX}`)
      .min(0, `a factor, 0 to ${MULTIPLIER_MAX}`)
      .max(MULTIPLIER_MAX, `a factor, 0 to ${MULTIPLIER_MAX}`)
      .optional(),
  })
  .refine(
    (entry) => (entry.multiplier === undefined) === (entry.perMillion !== undefined || entry.perRequest !== undefined),
    'want either prices (perMillion, perRequest) or a multiplier',
  )
  .refine((entry) => entry.from === undefined || entry.until === undefined || entry.from < entry.until, 'want from before until');

export type PriceOverride = z.infer<typeof PriceOverride>;

/** `prices`: the first entry that fits a call wins. */
export const PriceOverrides = z.array(PriceOverride).max(OVERRIDES_MAX).default([]);

const isHttpUrl = (text: string) => URL.canParse(text) && /^https?:\/\//.test(text);

/** `priceCatalogue`: newer list prices in the catalogue's own format; missing: those that this release brings. */
export const PriceCatalogue = z
  .strictObject({
    file: z.string().min(1).optional(),
    url: z.string().refine(isHttpUrl, 'an http:// or https:// URL').optional(),
    refresh: z
      .string()
      .regex(/^[1-9]\d{0,3}[hd]$/, 'a whole number of hours or days: 12h, 1d')
      .default('24h'),
  })
  .refine((source) => source.file === undefined || source.url === undefined, 'want either file or url')
  .prefault({});

export type PriceCatalogue = z.infer<typeof PriceCatalogue>;

function isDate(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
