/**
 * The messages of an answer, from its captured text: one JSON body, or a stream whose events are put together again.
 * Knows the wire formats by their fields. What was cut off in the middle gives what there is; binary streams give nothing.
 */
import {
  type Fields,
  fields,
  list,
  type Message,
  messageOf,
  type Part,
  partsOf,
  reasoningPart,
  string,
  textPart,
  toolCall,
} from './parts.ts';

/** The answers in a whole body; none where it holds none. */
export function answersOf(value: unknown): Message[] {
  const body = fields(value);
  const whole = (content: unknown, finish: unknown): Message[] => [finished({ role: 'assistant', parts: partsOf(content) }, finish)];
  if (Array.isArray(body['choices']))
    return body['choices'].map((each) => {
      const choice = fields(each);
      const message =
        choice['message'] === undefined ? { role: 'assistant', parts: partsOf(choice['text']) } : messageOf(choice['message'], 'assistant');
      return finished(message, choice['finish_reason']);
    });
  if (Array.isArray(body['candidates']))
    return body['candidates'].map((each) => finished(messageOf(fields(each)['content'], 'assistant'), fields(each)['finishReason']));
  if (Array.isArray(body['output'])) return [finished({ role: 'assistant', parts: body['output'].flatMap(itemParts) }, body['status'])];
  if (body['output'] !== undefined) return [finished(messageOf(fields(body['output'])['message'], 'assistant'), body['stopReason'])];
  if (body['message'] !== undefined)
    return [finished(messageOf(body['message'], 'assistant'), body['finish_reason'] ?? body['done_reason'])];
  if (Array.isArray(body['content'])) return whole(body['content'], body['stop_reason']);
  for (const name of ['text', 'response', 'completion', 'generation', 'outputText'] as const)
    if (typeof body[name] === 'string') return whole(body[name], body['finish_reason'] ?? body['stop_reason'] ?? body['done_reason']);
  return [];
}

function itemParts(item: unknown): Part[] {
  return messageOf(item, 'assistant').parts.slice();
}

function finished(message: Message, reason: unknown): Message {
  return { ...message, finish_reason: string(reason) };
}

/** One answer as it grows. */
interface Growing {
  text: string;
  reasoning: string;
  readonly calls: Map<number, { id: string; name: string; args: string }>;
  readonly others: Part[];
  finish: string;
}

/** Streams' events, in order, put together. */
export function answersOfEvents(events: readonly unknown[]): Message[] {
  const answers = new Map<number, Growing>();
  const growing = (index: number): Growing => {
    const known = answers.get(index) ?? { text: '', reasoning: '', calls: new Map(), others: [], finish: '' };
    answers.set(index, known);
    return known;
  };
  let whole: unknown;
  for (const value of events) {
    const event = fields(value);
    // The Responses API says everything again at the end.
    if (/^response\.(?:completed|incomplete)$/.test(string(event['type']))) whole = event['response'];
    if (Array.isArray(event['choices'])) for (const choice of event['choices']) growChoice(growing(indexOf(choice)), fields(choice));
    else if (Array.isArray(event['candidates']))
      for (const candidate of event['candidates']) growCandidate(growing(indexOf(candidate)), fields(candidate));
    else growTyped(growing(0), event);
  }
  if (whole !== undefined) return answersOf(whole);
  return [...answers.values()].map(assembled).filter(({ parts, finish_reason }) => parts.length > 0 || finish_reason !== '');
}

const indexOf = (value: unknown): number => {
  const { index } = fields(value);
  return typeof index === 'number' ? index : 0;
};

function growChoice(answer: Growing, choice: Fields): void {
  const delta = fields(choice['delta'] ?? choice['message']);
  answer.reasoning += string(delta['reasoning_content']) || string(delta['reasoning']);
  for (const part of partsOf(delta['content'])) grow(answer, part);
  answer.text += string(choice['text']) + string(delta['refusal']);
  for (const each of list(delta['tool_calls'])) growCall(answer, indexOf(each), fields(each)['id'], fields(fields(each)['function']));
  answer.finish = string(choice['finish_reason']) || answer.finish;
}

function growCandidate(answer: Growing, candidate: Fields): void {
  for (const part of partsOf(fields(candidate['content'])['parts'])) grow(answer, part);
  answer.finish = string(candidate['finishReason']) || answer.finish;
}

/** Anthropic's, Cohere's and the Responses API's typed events; Ollama's lines. */
function growTyped(answer: Growing, event: Fields): void {
  const type = string(event['type']) || string(event['event_type']);
  const delta = fields(event['delta']);
  if (type === 'content_block_start') {
    const block = fields(event['content_block']);
    if (string(block['name']) !== '') growCall(answer, indexOf(event), block['id'], { name: block['name'] });
    answer.text += string(block['text']);
  } else if (type === 'content_block_delta') {
    answer.text += string(delta['text']);
    answer.reasoning += string(delta['thinking']);
    if (string(delta['partial_json']) !== '') growCall(answer, indexOf(event), undefined, { arguments: delta['partial_json'] });
  } else if (type === 'message_delta') answer.finish = string(delta['stop_reason']) || answer.finish;
  else if (type === 'response.output_text.delta') answer.text += string(event['delta']);
  else if (type.startsWith('content-delta')) {
    const content = fields(fields(delta['message'])['content']);
    answer.text += string(content['text']);
    answer.reasoning += string(content['thinking']);
  } else if (type === 'message-end' || type === 'stream-end')
    answer.finish = string(delta['finish_reason'] ?? event['finish_reason']) || answer.finish;
  else if (type === 'text-generation') answer.text += string(event['text']);
  else if (type === '') growLine(answer, event);
}

function growLine(answer: Growing, line: Fields): void {
  const { parts } = messageOf(line['message'] ?? { content: line['response'], thinking: line['thinking'] }, 'assistant');
  for (const part of parts) grow(answer, part);
  answer.finish = string(line['done_reason']) || answer.finish;
}

function grow(answer: Growing, part: Part): void {
  if (part.type === 'text') answer.text += string(part['content']);
  else if (part.type === 'reasoning') answer.reasoning += string(part['content']);
  else answer.others.push(part);
}

function growCall(answer: Growing, index: number, id: unknown, called: Fields): void {
  const call = answer.calls.get(index) ?? { id: '', name: '', args: '' };
  answer.calls.set(index, call);
  call.id ||= string(id);
  call.name ||= string(called['name']);
  call.args += string(called['arguments']);
}

function assembled({ text, reasoning, calls, others, finish }: Growing): Message {
  const parts = [
    ...(reasoning === '' ? [] : [reasoningPart(reasoning)]),
    ...(text === '' ? [] : [textPart(text)]),
    ...[...calls.values()].map(({ id, name, args }) => toolCall(id, name, args)),
    ...others,
  ];
  return { role: 'assistant', parts, finish_reason: finish };
}
