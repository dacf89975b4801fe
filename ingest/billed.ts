/**
 * What of a call is charged, read from its row: the token columns, and from the provider's own usage object what no
 * column holds (searches, image output, steps run by another model, units billed other than tokens). Pure; an object
 * that cannot be read adds nothing.
 */
import type { ProxyColumns } from '../contract/record.ts';
import type { TokenCounts } from './cost.ts';

/** The columns that pricing reads: a call can be priced again from its row. */
export type PricedColumns = TokenCounts &
  Pick<
    ProxyColumns,
    | 'project'
    | 'started_at'
    | 'upstream'
    | 'path'
    | 'provider'
    | 'request_model'
    | 'response_model'
    | 'outcome'
    | 'usage_source'
    | 'usage_raw'
    | 'service_tier'
  >;

export interface BilledPart {
  /** The model that ran it where that is not the call's. */
  readonly model: string | undefined;
  readonly tokens: TokenCounts;
}

export interface Billed {
  readonly parts: readonly BilledPart[];
  readonly webSearches: number;
  /** Of what is charged by its length and has no tokens. */
  readonly audioSeconds: number | null;
  /** Something is charged whose price nothing here can tell. */
  readonly undetermined: boolean;
  /** Anthropic: `standard` or `fast`. */
  readonly speed: string;
  readonly inferenceGeo: string;
  /** Perplexity: `low`, `medium`, `high`. */
  readonly searchContextSize: string;
}

type Fields = Readonly<Record<string, unknown>>;

export function billedOf(row: PricedColumns): Billed {
  const raw = parse(row.usage_raw);
  const toolUsage = fields(raw['tool_usage']);
  return {
    parts: stepsOf(raw) ?? [{ model: undefined, tokens: { ...row, ...billedUnits(raw), ...modalities(raw) } }],
    webSearches:
      (count(fields(raw['server_tool_use'])['web_search_requests']) ?? 0) + (count(fields(toolUsage['web_search'])['num_requests']) ?? 0),
    audioSeconds: raw['type'] === 'duration' ? amount(raw['seconds']) : null,
    // OpenAI's image tool runs a model that the answer does not name: https://platform.openai.com/docs/guides/tools-image-generation
    // Mistral charges audio in chats by the minute besides its tokens, xAI each source that a search has used.
    undetermined: [fields(toolUsage['image_gen'])['total_tokens'], raw['prompt_audio_seconds'], raw['num_sources_used']].some(
      (value) => (amount(value) ?? 0) > 0,
    ),
    speed: text(raw['speed']),
    inferenceGeo: text(raw['inference_geo']),
    searchContextSize: text(raw['search_context_size']),
  };
}

/**
 * Anthropic's server-side loops: each step is charged on its own, at its own model's price and context length. The totals
 * leave out the steps of an advisor and of compaction: https://platform.claude.com/docs/en/build-with-claude/compaction
 */
function stepsOf(raw: Fields): BilledPart[] | undefined {
  const steps = list(raw['iterations']).map(fields);
  if (steps.length < 2) return undefined;
  return steps.map((step) => {
    const read = count(step['cache_read_input_tokens']) ?? 0;
    const write = count(step['cache_creation_input_tokens']) ?? 0;
    const input = count(step['input_tokens']);
    return {
      model: text(step['model']) || undefined,
      tokens: {
        ...NO_TOKENS,
        input_tokens: input === null ? null : input + read + write,
        output_tokens: count(step['output_tokens']),
        cache_read_tokens: read,
        cache_write_tokens: write,
        cache_write_1h_tokens: count(fields(step['cache_creation'])['ephemeral_1h_input_tokens']),
      },
    };
  });
}

/** Cohere charges units that differ from what the model read and wrote: https://docs.cohere.com/docs/how-does-cohere-pricing-work */
function billedUnits(raw: Fields): Partial<TokenCounts> {
  const units = fields(raw['billed_units']);
  const input = count(units['input_tokens']);
  if (input === null) return {};
  return { ...NO_TOKENS, input_tokens: input, output_tokens: count(units['output_tokens']) ?? 0 };
}

/** Token kinds that have a price and no column: Gemini's lists by modality (two wordings), OpenAI's nested details. */
function modalities(raw: Fields): Partial<TokenCounts> {
  const output = byModality(raw['candidatesTokensDetails'] ?? raw['output_tokens_by_modality']);
  const input = byModality(raw['promptTokensDetails'] ?? raw['input_tokens_by_modality']);
  const cached = byModality(raw['cacheTokensDetails'] ?? raw['cached_tokens_by_modality']);
  const inputDetails = fields(raw['input_token_details'] ?? raw['input_tokens_details'] ?? raw['prompt_tokens_details']);
  const outputDetails = fields(raw['output_token_details'] ?? raw['output_tokens_details'] ?? raw['completion_tokens_details']);
  const cachedDetails = fields(inputDetails['cached_tokens_details']);
  return {
    output_image_tokens: output?.('IMAGE') ?? count(outputDetails['image_tokens']),
    input_video_tokens: input?.('VIDEO') ?? count(inputDetails['video_tokens']),
    cached_audio_tokens: cached?.('AUDIO') ?? count(cachedDetails['audio_tokens']),
    cached_image_tokens: cached?.('IMAGE') ?? count(cachedDetails['image_tokens']),
  };
}

function byModality(value: unknown): ((modality: string) => number) | undefined {
  const entries = list(value).map(fields);
  if (entries.length === 0) return undefined;
  const countOf = (entry: Fields, modality: string): number =>
    text(entry['modality']).toUpperCase() === modality ? (count(entry['tokenCount'] ?? entry['tokens']) ?? 0) : 0;
  return (modality) => entries.reduce((sum, entry) => sum + countOf(entry, modality), 0);
}

const NO_TOKENS: TokenCounts = {
  input_tokens: null,
  output_tokens: null,
  cache_read_tokens: null,
  cache_write_tokens: null,
  cache_write_1h_tokens: null,
  reasoning_tokens: null,
  input_audio_tokens: null,
  output_audio_tokens: null,
  input_image_tokens: null,
};

function parse(json: string): Fields {
  if (json === '') return {};
  try {
    return fields(JSON.parse(json));
  } catch {
    return {};
  }
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function amount(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null;
}
