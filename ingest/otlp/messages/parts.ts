/**
 * The pieces of a message, in whichever wire format, as parts in the shape of OpenTelemetry's GenAI conventions. Told
 * apart by their own fields, since these do not collide. What is neither text nor a tool's call or result keeps its type
 * only: bytes of images have no place in a trace. Takes anything, throws nothing.
 * https://github.com/open-telemetry/semantic-conventions/blob/v1.41.1/docs/gen-ai/gen-ai-input-messages.json
 */
export type Fields = Readonly<Record<string, unknown>>;

export interface Part {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Message {
  readonly role: string;
  readonly parts: readonly Part[];
  readonly finish_reason?: string;
}

const NO_FIELDS: Fields = Object.freeze({});

export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : NO_FIELDS;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export const textPart = (content: string): Part => ({ type: 'text', content });
export const reasoningPart = (content: string): Part => ({ type: 'reasoning', content });
export const toolCall = (id: unknown, name: unknown, args: unknown): Part => ({
  type: 'tool_call',
  id: string(id) || null,
  name: string(name),
  arguments: parsed(args),
});
const toolResponse = (id: unknown, response: unknown): Part => ({ type: 'tool_call_response', id: string(id) || null, response });

/** Arguments come as JSON in a string from some, as JSON from others. */
function parsed(args: unknown): unknown {
  if (typeof args !== 'string') return args ?? null;
  try {
    return JSON.parse(args) as unknown;
  } catch {
    return args;
  }
}

/** A message's content: text, one piece or a list of pieces. */
export function partsOf(content: unknown): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [textPart(content)];
  if (Array.isArray(content)) return content.flatMap(partsOf);
  return typeof content === 'object' && content !== null ? pieceOf(content as Fields) : [];
}

function pieceOf(piece: Fields): Part[] {
  const type = string(piece['type']);
  const tool = toolPiece(type, piece);
  if (tool) return [tool];
  if (piece['reasoningContent'] !== undefined)
    return [reasoningPart(string(fields(fields(piece['reasoningContent'])['reasoningText'])['text']))];
  if (typeof piece['thinking'] === 'string') return [reasoningPart(piece['thinking'])];
  if (type === 'reasoning')
    return [...list(piece['summary']), ...list(piece['content'])].map((each) => reasoningPart(string(fields(each)['text'])));
  if (type === 'thinking') return partsOf(piece['thinking']).map((part) => reasoningPart(string(part['content'])));
  if (typeof piece['text'] === 'string') return [piece['thought'] === true ? reasoningPart(piece['text']) : textPart(piece['text'])];
  if (typeof piece['refusal'] === 'string') return [textPart(piece['refusal'])];
  const url = imageUrl(piece);
  if (url !== '') return [{ type: 'uri', modality: 'image', uri: url }];
  return [{ type: type || (Object.keys(piece)[0] ?? 'unknown') }];
}

function toolPiece(type: string, piece: Fields): Part | undefined {
  const { toolUse, functionCall, toolResult, functionResponse } = piece;
  if (/^(?:server_)?tool_use$/.test(type)) return toolCall(piece['id'], piece['name'], piece['input']);
  if (type === 'function_call') return toolCall(piece['call_id'] ?? piece['id'], piece['name'], piece['arguments']);
  if (toolUse !== undefined) return toolCall(fields(toolUse)['toolUseId'], fields(toolUse)['name'], fields(toolUse)['input']);
  if (functionCall !== undefined) return toolCall(fields(functionCall)['id'], fields(functionCall)['name'], fields(functionCall)['args']);
  if (type === 'tool_result') return toolResponse(piece['tool_use_id'], piece['content']);
  if (type === 'function_call_output') return toolResponse(piece['call_id'], piece['output']);
  if (toolResult !== undefined) return toolResponse(fields(toolResult)['toolUseId'], fields(toolResult)['content']);
  if (functionResponse !== undefined) return toolResponse(fields(functionResponse)['id'], fields(functionResponse)['response']);
  return undefined;
}

/** An image that is named, not carried. */
function imageUrl(piece: Fields): string {
  const named = string(piece['image_url']) || string(fields(piece['image_url'])['url']) || string(fields(piece['source'])['url']);
  return /^https?:/.test(named) ? named : '';
}

/** A message of any chat format. */
export function messageOf(value: unknown, fallbackRole = 'user'): Message {
  const message = fields(value);
  const role =
    string(message['role']) ||
    (typeof message['type'] === 'string' && message['role'] === undefined ? roleOf(message['type']) : '') ||
    fallbackRole;
  if (role === 'tool' && message['tool_call_id'] !== undefined)
    return { role, parts: [toolResponse(message['tool_call_id'], message['content'])] };
  // An item of the Responses API is a message of one piece.
  if (message['role'] === undefined && typeof message['type'] === 'string') return { role, parts: pieceOf(message) };
  const reasoning = string(message['reasoning_content']) || string(message['reasoning']) || string(message['thinking']);
  const parts = [
    ...(reasoning === '' ? [] : [reasoningPart(reasoning)]),
    ...partsOf(message['content'] ?? message['parts'] ?? message['message']),
    ...(typeof message['refusal'] === 'string' ? [textPart(message['refusal'])] : []),
    ...list(message['tool_calls']).map(chatToolCall),
  ];
  return { role: role === 'model' || role === 'CHATBOT' ? 'assistant' : role.toLowerCase(), parts };
}

function roleOf(itemType: unknown): string {
  return /output$|result$/.test(string(itemType)) ? 'tool' : /_call$|^reasoning$/.test(string(itemType)) ? 'assistant' : '';
}

function chatToolCall(value: unknown): Part {
  const call = fields(value);
  const called = call['function'] === undefined ? call : fields(call['function']);
  return toolCall(call['id'], called['name'], called['arguments'] ?? called['parameters']);
}
