/**
 * Looking into values of unknown shape, and putting token counts together. Everything takes `unknown`
 * and gives a plain value, empty or null where the wanted thing is not there; nothing throws.
 */
import type { Endpoint, ProviderError, Reading, RequestFacts, Usage } from './provider.ts';

export type Fields = Readonly<Record<string, unknown>>;

const NO_FIELDS: Fields = Object.freeze({});

/** The value's fields; none when it is no object. */
export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : NO_FIELDS;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A token count: a whole number from 0 on that JSON carries exactly, else null. Some gateways send them as strings. */
export function count(value: unknown): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : null;
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  return null;
}

/** The first count that is there. */
export function firstCount(...values: readonly unknown[]): number | null {
  for (const value of values) {
    const found = count(value);
    if (found !== null) return found;
  }
  return null;
}

/** An amount of US dollars, else null. */
export function amount(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

/** Null when no part is known, else the sum of those that are. */
export function sum(...parts: readonly (number | null)[]): number | null {
  let total: number | null = null;
  for (const part of parts) if (part !== null) total = (total ?? 0) + part;
  return total;
}

/** Nothing is known. */
export const EMPTY_USAGE: Usage = Object.freeze({
  input_tokens: null,
  output_tokens: null,
  cache_read_tokens: null,
  cache_write_tokens: null,
  cache_write_1h_tokens: null,
  reasoning_tokens: null,
  input_audio_tokens: null,
  output_audio_tokens: null,
  input_image_tokens: null,
  tool_use_tokens: null,
});

const INPUT_PARTS = ['cache_read_tokens', 'cache_write_tokens', 'input_audio_tokens', 'input_image_tokens', 'tool_use_tokens'] as const;
const OUTPUT_PARTS = ['reasoning_tokens', 'output_audio_tokens'] as const;

/** A usage from what is known. A part that is larger than its total cannot be what we take it for: it becomes null. */
export function usageOf(known: Partial<Usage>): Usage {
  const input = known.input_tokens ?? null;
  const output = known.output_tokens ?? null;
  // Written out: spreading takes several times as long, and this is done for each call.
  const usage: Usage = {
    input_tokens: input,
    output_tokens: output,
    cache_read_tokens: known.cache_read_tokens ?? null,
    cache_write_tokens: known.cache_write_tokens ?? null,
    cache_write_1h_tokens: known.cache_write_1h_tokens ?? null,
    reasoning_tokens: known.reasoning_tokens ?? null,
    input_audio_tokens: known.input_audio_tokens ?? null,
    output_audio_tokens: known.output_audio_tokens ?? null,
    input_image_tokens: known.input_image_tokens ?? null,
    tool_use_tokens: known.tool_use_tokens ?? null,
  };
  for (const part of INPUT_PARTS) if (exceeds(usage[part], input)) usage[part] = null;
  for (const part of OUTPUT_PARTS) if (exceeds(usage[part], output)) usage[part] = null;
  if (exceeds(sum(usage.cache_read_tokens, usage.cache_write_tokens), input)) usage.cache_write_tokens = null;
  if (exceeds(usage.cache_write_1h_tokens, usage.cache_write_tokens)) usage.cache_write_1h_tokens = null;
  return usage;
}

function exceeds(part: number | null, total: number | null): boolean {
  return part !== null && total !== null && part > total;
}

/** Writes a usage that has at least one total into the reading, with the object it came from. */
export function setUsage(reading: Reading, usage: Usage, raw: unknown): void {
  if (usage.input_tokens === null && usage.output_tokens === null) return;
  reading.usage = usage;
  reading.usage_raw = raw;
}

/** Sets a text field of the reading unless the value is empty: the last word wins. */
export function setText(reading: Reading, field: 'model' | 'id' | 'fingerprint' | 'finish_reason' | 'service_tier', value: unknown): void {
  if (typeof value === 'string' && value !== '') reading[field] = value;
}

/**
 * An error body in any of the shapes in use: `{error:{code,type,status,message}}`, `{error:"…"}`,
 * `{message}`, `{detail}` (FastAPI), `{errors:[…]}`, or the first of a list of these.
 */
export function readErrorBody(body: unknown): ProviderError | undefined {
  const first = Array.isArray(body) ? body[0] : body;
  if (!isFields(first)) return undefined;
  const { error } = first;
  if (isFields(error)) {
    return { type: errorType(error) || errorType(first), message: errorMessage(error) || errorMessage(first) };
  }
  const message = text(error) || errorMessage(first);
  const type = errorType(first);
  return message === '' && (type === '' || first['error'] === undefined) ? undefined : { type, message };
}

/** The most telling of the names that providers give: a code, a status name, a type. */
function errorType(error: Fields): string {
  const { code, status, type, error_type, __type } = error;
  if (typeof code === 'string' && code !== '') return code;
  if (typeof status === 'string' && status !== '') return status;
  if (typeof type === 'string' && type !== '' && type !== 'error') return type;
  // Hugging Face's inference servers say `{error: "…", error_type: "overloaded"}`.
  if (typeof error_type === 'string' && error_type !== '') return error_type;
  // Smithy's JSON protocols name the error's shape `namespace#Name`.
  if (typeof __type === 'string') return __type.slice(__type.lastIndexOf('#') + 1);
  return typeof code === 'number' ? String(code) : '';
}

function errorMessage(error: Fields): string {
  const { message, Message, detail, errors } = error;
  if (typeof message === 'string') return message;
  if (typeof Message === 'string') return Message;
  if (typeof detail === 'string') return detail;
  if (detail !== undefined && detail !== null) return JSON.stringify(detail);
  if (isFields(message)) return errorMessage(message) || JSON.stringify(message);
  const nested = list(errors)[0];
  return typeof nested === 'string' ? nested : isFields(nested) ? errorMessage(nested) : '';
}

/** `model` and `stream` of a request body, as most providers name them. A form's fields are text. */
export function requestFacts(body: unknown): RequestFacts {
  const { model, stream } = fields(body);
  return { model: text(model), stream: stream === true || stream === 'true' };
}

/** A path segment as the caller meant it. */
export function decodeSegment(segment: string | undefined): string {
  if (segment === undefined) return '';
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const nothing = (): undefined => undefined;

/** An endpoint of which only the operation (and the model asked for) is of interest. */
export function plainEndpoint(method: string, path: RegExp, operation: string): Endpoint {
  return { method, path, operation, framing: 'sse', request: requestFacts, response: nothing, fold: nothing };
}

/** Several endpoints of one reader: `paths` is a table of path to operation. */
export function endpointsOf(
  reader: Omit<Endpoint, 'method' | 'path' | 'operation'>,
  paths: readonly (readonly [path: RegExp, operation: string])[],
): Endpoint[] {
  return paths.map(([path, operation]) => ({ ...reader, method: 'POST', path, operation }));
}
