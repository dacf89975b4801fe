/**
 * List prices by provider and model: those of the pinned package @pydantic/genai-prices, and over them those of a
 * price file, provider by provider. Takes names as calls carry them; gives the entry that fits, at a call's own time.
 * Immutable: a newer price file makes a new catalogue. Never throws, never uses the network.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { calcPrice, findProvider, type ModelInfo, type ModelPrice, type Provider } from '@pydantic/genai-prices';
import { CATALOGUE_PROVIDERS } from './price-rules.ts';

/** A checked price file. */
export interface PriceFile {
  readonly providers: readonly Provider[];
  /** What rows priced by it carry as `price_version`. */
  readonly version: string;
}

export interface CatalogueEntry {
  /** The provider whose list it stands in; not the one that was asked for where lists are shared (Azure has OpenAI's). */
  readonly providerId: string;
  readonly model: ModelInfo;
  readonly version: string;
}

/** The catalogue's patterns run over the model's name, which comes from outside: long ones name no model. */
const MODEL_CHARS_MAX = 256;
const LOOKUPS_MAX = 10_000;
const BUNDLED_VERSION = `genai-prices@${installedVersion('@pydantic/genai-prices')}`;

export class Catalogue {
  readonly #file: ReadonlyMap<string, Provider>;
  readonly #fileVersion: string;
  /** Lookups so far, oldest first. Searching the lists with regular expressions takes longer than all else in pricing. */
  readonly #lookups = new Map<string, CatalogueEntry | null>();

  constructor(file?: PriceFile) {
    this.#file = new Map(file?.providers.map((provider) => [provider.id, provider]));
    this.#fileVersion = file?.version ?? '';
  }

  /** Names the lists in use, for people. */
  get version(): string {
    return this.#file.size === 0 ? BUNDLED_VERSION : `${this.#fileVersion}, ${BUNDLED_VERSION}`;
  }

  has(providerId: string): boolean {
    return this.#provider(providerId) !== undefined;
  }

  find(providerId: string, model: string): CatalogueEntry | null {
    if (model === '' || model.length > MODEL_CHARS_MAX) return null;
    const key = `${providerId}\n${model}`;
    const known = this.#lookups.get(key);
    if (known !== undefined) return known;
    const found = this.#search(providerId, model);
    if (this.#lookups.size >= LOOKUPS_MAX) this.#lookups.delete(this.#lookups.keys().next().value ?? '');
    this.#lookups.set(key, found);
    return found;
  }

  /** All models of all lists, for suggestions. */
  models(): { readonly providerId: string; readonly model: ModelInfo }[] {
    const ids = new Set([...Object.values(CATALOGUE_PROVIDERS).map(({ id }) => id), ...this.#file.keys()]);
    return [...ids].flatMap((providerId) => (this.#provider(providerId)?.models ?? []).map((model) => ({ providerId, model })));
  }

  #provider(id: string): Provider | undefined {
    const own = this.#file.get(id);
    if (own !== undefined) return own;
    const bundled = findProvider({ providerId: id });
    return bundled?.id === id ? bundled : undefined;
  }

  #search(providerId: string, model: string): CatalogueEntry | null {
    const provider = this.#provider(providerId);
    if (provider === undefined) return null;
    for (const id of [providerId, ...(provider.fallback_model_providers ?? [])]) {
      const list = this.#provider(id);
      const found = list === undefined ? null : calculate(model, withoutFallback(list), undefined);
      if (found !== null) return { providerId: id, model: found.model, version: this.#file.has(id) ? this.#fileVersion : BUNDLED_VERSION };
    }
    return null;
  }
}

/** The entry's prices at a call's time. Null: it has none that the catalogue finds consistent. */
export function pricesAt(entry: CatalogueEntry, startedAt: string): ModelPrice | null {
  const { model } = entry;
  if (!Array.isArray(model.prices)) return model.prices;
  const timestamp = new Date(`${startedAt.slice(0, 10)}T${startedAt.slice(11, 23)}Z`);
  // Prices that change with date or time of day: the package picks, from a list of this one model.
  const list: Provider = {
    id: entry.providerId,
    name: entry.providerId,
    api_pattern: '',
    models: [{ ...model, match: { starts_with: '' } }],
  };
  return calculate(model.id, list, timestamp)?.model_price ?? null;
}

function withoutFallback({ fallback_model_providers: _elsewhere, ...provider }: Provider): Provider {
  return provider;
}

/** The package's own function throws on entries that it finds inconsistent; here those are unknown prices. */
function calculate(model: string, provider: Provider, timestamp: Date | undefined): ReturnType<typeof calcPrice> {
  try {
    return calcPrice({}, model, timestamp === undefined ? { provider } : { provider, timestamp });
  } catch {
    return null;
  }
}

/** The package's manifest is not among its exports, so it is read from beside its entry point. */
function installedVersion(name: string): string {
  const entryPoint = createRequire(import.meta.url).resolve(name);
  const manifest: unknown = JSON.parse(readFileSync(join(dirname(entryPoint), '..', 'package.json'), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof version === 'string' ? version : 'unknown';
}
