/**
 * Newer list prices from a file or a URL (`priceCatalogue` in the settings), in the format in which genai-prices publishes
 * its data. Read at start and then at intervals; checked whole before it is used. Whatever goes wrong, the last good
 * prices stay, the fault is logged and counted, and calls go on being priced.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Provider } from '@pydantic/genai-prices';
import { z } from 'zod';
import { durationSeconds } from '../contract/config.ts';
import type { Log } from '../contract/log.ts';
import type { PriceCatalogue } from '../contract/price-settings.ts';
import { Catalogue, type PriceFile } from './catalogue.ts';
import { errorText } from './error-text.ts';
import { CATALOGUE_PROVIDERS } from './price-rules.ts';

export interface PriceUpdates {
  /** The last good prices; at first those that this release brings. */
  readonly catalogue: () => Catalogue;
  /** Resolves when the source was read once, well or not. */
  readonly firstRead: Promise<void>;
  /** Reads the source now, whatever the interval. */
  refresh(): Promise<void>;
  stop(): void;
}

export interface PriceUpdateOptions {
  readonly source: PriceCatalogue;
  readonly log: Log;
  readonly onRead?: (ok: boolean) => void;
}

const FILE_BYTES_MAX = 32 * 1024 ** 2;
const FETCH_MS_MAX = 30_000;
const HASH_CHARS = 12;

const amount = z.number().min(0).max(1e9);
const prices = z.record(
  z.string(),
  z.union([amount, z.looseObject({ base: amount, tiers: z.array(z.looseObject({ start: z.number().min(0), price: amount })) })]),
);
const constraint = z.union([
  z.looseObject({ start_date: z.string().regex(/^\d{4}-\d\d-\d\d$/) }),
  z.looseObject({ start_time: z.string(), end_time: z.string() }),
]);
const match: z.ZodType = z.lazy(() =>
  z.union([
    z.strictObject({ equals: z.string() }),
    z.strictObject({ starts_with: z.string() }),
    z.strictObject({ ends_with: z.string() }),
    z.strictObject({ contains: z.string() }),
    z.strictObject({ regex: z.string().refine(isRegExp, 'a regular expression') }),
    z.strictObject({ or: z.array(match) }),
    z.strictObject({ and: z.array(match) }),
  ]),
);
const FileSchema = z
  .array(
    z.looseObject({
      id: z.string().min(1),
      fallback_model_providers: z.array(z.string()).nullish(),
      models: z.array(
        z.looseObject({
          id: z.string().min(1),
          match,
          prices: z.union([prices, z.array(z.looseObject({ constraint: constraint.nullish(), prices })).min(1)]),
        }),
      ),
    }),
  )
  .min(1);

/**
 * Checks a price file's text.
 * @throws Error that says what is wrong, and where
 */
export function parsePriceFile(text: string): PriceFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
  const parsed = FileSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`${issue?.path.join('.') || 'the top level'}: ${issue?.message}, want the data format of genai-prices`);
  }
  // What an answer without a single price means, the check above cannot tell from a list of prices.
  if (!parsed.data.some(({ models }) => models.length > 0)) throw new Error('it has no model');
  if (!parsed.data.some(({ id }) => Object.values(CATALOGUE_PROVIDERS).some((known) => known.id === id)) && parsed.data.length > 1)
    throw new Error('it has several providers and none that is known here');
  const version = `prices@${createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARS)}`;
  return { providers: parsed.data.map(withoutNulls) as unknown as Provider[], version };
}

export function startPriceUpdates({ source, log, onRead }: PriceUpdateOptions): PriceUpdates {
  let catalogue = new Catalogue();
  const from = source.file ?? source.url;
  if (from === undefined) return { catalogue: () => catalogue, firstRead: Promise.resolve(), refresh: async () => {}, stop: () => {} };
  const stopping = new AbortController();
  let version = '';
  const read = async (): Promise<void> => {
    try {
      const file = parsePriceFile(await readSource(source, stopping.signal));
      if (stopping.signal.aborted) return;
      if (file.version !== version) {
        catalogue = new Catalogue(file);
        version = file.version;
        log('info', `prices: ${version} from ${from}, ${file.providers.reduce((sum, { models }) => sum + models.length, 0)} models`);
      }
      onRead?.(true);
    } catch (error) {
      if (stopping.signal.aborted) return;
      log('warn', `prices: ${from} cannot be used (${errorText(error)}); ${catalogue.version} stays in use`);
      onRead?.(false);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  // The next wait begins when a reading has ended: a slow source is not asked twice at once.
  const readAndWait = async (): Promise<void> => {
    await read();
    if (!stopping.signal.aborted) timer = setTimeout(readAndWait, durationSeconds(source.refresh) * 1_000).unref();
  };
  return {
    catalogue: () => catalogue,
    firstRead: readAndWait(),
    refresh: read,
    stop: () => {
      stopping.abort();
      clearTimeout(timer);
    },
  };
}

async function readSource(source: PriceCatalogue, stop: AbortSignal): Promise<string> {
  if (source.file !== undefined) return readBounded(source.file);
  const response = await fetch(source.url ?? '', {
    signal: AbortSignal.any([stop, AbortSignal.timeout(FETCH_MS_MAX)]),
    redirect: 'follow',
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size_bytes = 0;
  for await (const chunk of response.body ?? []) {
    size_bytes += chunk.byteLength;
    if (size_bytes > FILE_BYTES_MAX) throw new Error(`more than ${FILE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > FILE_BYTES_MAX) throw new Error(`more than ${FILE_BYTES_MAX} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** The published data writes what is absent as null in places; the package takes absent only. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])));
}

function isRegExp(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}
