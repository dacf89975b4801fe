/**
 * The captured text of a call as the attributes that the conventions have for it. Takes what the proxy kept, redacted
 * where the project says so, and adds nothing to it; gives only what can be read. Never throws.
 */
import type { Attributes } from '@opentelemetry/api';
import type { CapturedBodies } from '../../../contract/record.ts';
import { CONTENT_ATTRIBUTES } from '../attributes.ts';
import { fields, list, type Message, messageOf, type Part, partsOf, string } from './parts.ts';
import { answersOf, answersOfEvents } from './response.ts';

/** Where requests keep what comes before the conversation. */
const SYSTEM_FIELDS = ['system', 'instructions', 'systemInstruction', 'system_instruction', 'system_prompt', 'preamble'] as const;
const STOP_PLACES = [
  ['stop'],
  ['stop_sequences'],
  ['generationConfig', 'stopSequences'],
  ['inferenceConfig', 'stopSequences'],
  ['options', 'stop'],
] as const;

export function contentAttributes(call: { readonly operation: string }, bodies: CapturedBodies): Attributes {
  const attributes: Attributes = {};
  const put = (name: string, value: readonly unknown[]): void => {
    if (value.length > 0) attributes[name] = JSON.stringify(value);
  };
  const request = parseJson(bodies.request);
  if (request !== undefined) {
    put(CONTENT_ATTRIBUTES.system, systemOf(request));
    put(CONTENT_ATTRIBUTES.input, inputOf(request));
    put(CONTENT_ATTRIBUTES.tools, toolsOf(request));
    const stops = stopSequences(request);
    if (stops.length > 0) attributes[CONTENT_ATTRIBUTES.stopSequences] = stops;
  }
  // What embeddings and the like answer are numbers.
  if (call.operation !== 'embeddings') put(CONTENT_ATTRIBUTES.output, outputOf(bodies.response));
  return attributes;
}

function systemOf(request: unknown): Part[] {
  return SYSTEM_FIELDS.flatMap((name) => {
    const value = fields(request)[name];
    return partsOf(fields(value)['parts'] ?? value);
  });
}

function inputOf(request: unknown): Message[] {
  const body = fields(request);
  const { messages, contents, input, prompt, message, inputText } = body;
  // Instructions that stand in the history stay there: "separately from the chat history" is for those that do not.
  for (const history of [messages, contents, input])
    if (Array.isArray(history)) return history.map((each) => (typeof each === 'string' ? messageOf({ content: each }) : messageOf(each)));
  const asked = [input, prompt, message, inputText].find((value) => typeof value === 'string');
  const before = list(body['chat_history']).map((each) => messageOf(each));
  return asked === undefined ? before : [...before, messageOf({ content: asked })];
}

function outputOf(text: string): Message[] {
  const whole = parseJson(text);
  if (Array.isArray(whole)) return answersOfEvents(whole);
  if (whole !== undefined) return answersOf(whole);
  return answersOfEvents(eventsOf(text));
}

/** The JSON of an event stream's data fields, or of lines. */
function eventsOf(text: string): unknown[] {
  const events: unknown[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    const data = line.startsWith('data:') ? line.slice(5) : line.startsWith('{') ? line : '';
    const event = data === '' ? undefined : parseJson(data);
    if (typeof event === 'object' && event !== null) events.push(event);
  }
  return events;
}

/** Kind and name: the conventions advise against what tools could say beyond that. */
function toolsOf(request: unknown): { type: string; name: string }[] {
  const { tools, functions, toolConfig } = fields(request);
  const all = [...list(tools), ...list(functions), ...list(fields(toolConfig)['tools'])];
  return all.flatMap((tool) => {
    const { functionDeclarations, function: inner, toolSpec, name, type } = fields(tool);
    const declared = Array.isArray(functionDeclarations) ? functionDeclarations : [inner ?? toolSpec ?? tool];
    return declared.flatMap((each) => {
      const known = string(fields(each)['name'] ?? name ?? type);
      return known === '' ? [] : [{ type: /^(?:|custom)$/.test(string(type)) ? 'function' : string(type), name: known }];
    });
  });
}

function stopSequences(request: unknown): string[] {
  for (const place of STOP_PLACES) {
    const found = place.reduce<unknown>((value, name) => fields(value)[name], request);
    const texts = typeof found === 'string' ? [found] : list(found).map(string);
    const stops = texts.filter((stop) => stop !== '');
    if (stops.length > 0) return stops;
  }
  return [];
}

function parseJson(text: string): unknown {
  const first = text.trimStart()[0];
  if (first !== '{' && first !== '[') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
