/**
 * What OpenAI's endpoints have in common: reading tools and formats, usage objects, errors, headers.
 * Shapes as documented at https://platform.openai.com/docs/api-reference. No I/O.
 */
import { field, list, text } from './json.ts';
import type { MockUsage, Tool } from './reply.ts';

const ERROR_TYPES: Readonly<Record<number, { readonly type: string; readonly code: string | null }>> = {
  400: { type: 'invalid_request_error', code: 'invalid_value' },
  401: { type: 'invalid_request_error', code: 'invalid_api_key' },
  403: { type: 'invalid_request_error', code: 'model_not_allowed' },
  404: { type: 'invalid_request_error', code: 'model_not_found' },
  405: { type: 'invalid_request_error', code: 'method_not_allowed' },
  413: { type: 'invalid_request_error', code: 'request_too_large' },
  429: { type: 'requests', code: 'rate_limit_exceeded' },
};

export function openaiError(status: number, message: string): { error: Record<string, unknown> } {
  const known = ERROR_TYPES[status] ?? { type: 'server_error', code: null };
  return { error: { message, type: known.type, param: null, code: known.code } };
}

/** Chat's `tools[].function` and the Responses API's flat form. */
export function readTools(body: unknown): Tool[] {
  return list(field(body, 'tools')).flatMap((tool) => {
    const inner = field(tool, 'function') ?? tool;
    const name = text(field(inner, 'name'));
    return name === '' ? [] : [{ name, schema: field(inner, 'parameters') }];
  });
}

/** A named tool leaves only that one. */
export function readToolChoice(
  body: unknown,
  tools: readonly Tool[],
): { toolChoice: 'none' | 'auto' | 'required'; tools: readonly Tool[] } {
  const choice = field(body, 'tool_choice');
  if (choice === 'none' || choice === 'required') return { toolChoice: choice, tools };
  const name = text(field(choice, 'function', 'name') ?? field(choice, 'name'));
  return name === '' ? { toolChoice: 'auto', tools } : { toolChoice: 'required', tools: tools.filter((tool) => tool.name === name) };
}

/** The schema of a JSON answer, from `response_format` (chat) or `text.format` (responses). */
export function readSchema(format: unknown): unknown {
  const type = field(format, 'type');
  if (type === 'json_object') return { type: 'object', properties: { answer: { type: 'string' } } };
  return type === 'json_schema' ? (field(format, 'json_schema', 'schema') ?? field(format, 'schema') ?? {}) : undefined;
}

/** https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage */
export function chatUsage(usage: MockUsage): Record<string, unknown> {
  return {
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.input_tokens + usage.output_tokens,
    prompt_tokens_details: { cached_tokens: usage.cache_read_tokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning_tokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** A JSON value's text in pieces of a few characters, as tool arguments are streamed. */
export function jsonPieces(value: unknown): string[] {
  return JSON.stringify(value).match(/[\s\S]{1,9}/gu) ?? [];
}
