/** Captured bodies as a person reads them: every framing and shape of answer, cut anywhere. */
import { readAnswer, readRequest } from '../../../ingest/console/page/body-text.ts';

const sse = (...events: object[]): string => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');

const STREAMS: Readonly<Record<string, string>> = {
  'chat chunks': `${sse(
    { choices: [{ delta: { reasoning_content: 'Hm' } }] },
    { choices: [{ delta: { content: 'Par' } }] },
    { choices: [{ delta: { content: 'is' } }] },
    { choices: [{ delta: { tool_calls: [{ index: 0, function: { name: 'look', arguments: '' } }] } }] },
    { choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: '{"q":' } }] } }] },
    { choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: '1}' } }] } }] },
    { choices: [], usage: { prompt_tokens: 1 } },
  )}data: [DONE]\n\n`,
  'responses events': sse(
    { type: 'response.created', response: { output: [] } },
    { type: 'response.reasoning_summary_text.delta', delta: 'Hm' },
    { type: 'response.output_text.delta', delta: 'Par' },
    { type: 'response.output_text.delta', delta: 'is' },
    { type: 'response.output_item.added', item: { type: 'function_call', name: 'look' } },
    { type: 'response.function_call_arguments.delta', delta: '{"q":' },
    { type: 'response.function_call_arguments.delta', delta: '1}' },
    { type: 'response.completed', response: { output: [{ type: 'message', content: [{ text: 'Paris' }] }] } },
  ),
  'message blocks': [
    { type: 'message_start', message: { role: 'assistant', content: [] } },
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm' } },
    { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Par' } },
    { type: 'ping' },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'is' } },
    { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', name: 'look', input: {} } },
    { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"q":' } },
    { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '1}' } },
    { type: 'message_stop' },
  ]
    .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join(''),
  'candidates, as an array': JSON.stringify([
    { candidates: [{ content: { parts: [{ text: 'Hm', thought: true }] } }] },
    { candidates: [{ content: { parts: [{ text: 'Par' }] } }] },
    { candidates: [{ content: { parts: [{ text: 'is' }] } }] },
    { candidates: [{ content: { parts: [{ functionCall: { name: 'look', args: '{"q":1}' } }] } }] },
  ]),
  'lines of JSON': [
    { message: { role: 'assistant', content: '', thinking: 'Hm' } },
    { message: { role: 'assistant', content: 'Par' } },
    { message: { role: 'assistant', content: 'is' } },
    { message: { role: 'assistant', content: '', tool_calls: [{ function: { name: 'look', arguments: '{"q":1}' } }] } },
  ]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join(''),
  'events in a binary framing': [
    { delta: { reasoningContent: { text: 'Hm' } } },
    { delta: { text: 'Par' } },
    { delta: { text: 'is' }, p: 'abc}"{' },
    { start: { toolUse: { name: 'look' } } },
    { delta: { toolUse: { input: '{"q":' } } },
    { delta: { toolUse: { input: '1}' } } },
  ]
    .map((event) => `\u0000\u0001:event-type\u0007\u0000chunk${JSON.stringify(event)}\ufffd\u0003`)
    .join(''),
};

test.each(Object.entries(STREAMS))('%s become reasoning, text and a tool call', (_name, body) => {
  const { parts, events } = readAnswer(body);
  expect(events).toBeGreaterThan(3);
  expect(parts).toEqual([
    { kind: 'reasoning', label: '', text: 'Hm' },
    { kind: 'text', label: '', text: 'Paris' },
    { kind: 'tool', label: 'look', text: '{"q":1}' },
  ]);
});

test.each(Object.entries(STREAMS))('%s may be cut anywhere: what is whole is shown', (_name, body) => {
  for (let end = 0; end <= body.length; end += 7) {
    const text = readAnswer(body.slice(0, end)).parts.map((part) => part.text);
    expect('HmParis{"q":1}'.startsWith(text.join(''))).toBe(true);
  }
});

test.each<[string, object]>([
  ['a chat completion', { choices: [{ message: { content: 'Paris' } }] }],
  ['a text completion', { choices: [{ text: 'Paris' }] }],
  ['a response', { output: [{ type: 'message', content: [{ type: 'output_text', text: 'Paris' }] }] }],
  ['a message', { content: [{ type: 'text', text: 'Paris' }] }],
  ['candidates', { candidates: [{ content: { parts: [{ text: 'Paris' }] } }] }],
  ['a converse answer', { output: { message: { content: [{ text: 'Paris' }] } } }],
  ['a chat answer', { message: { content: [{ type: 'text', text: 'Paris' }] } }],
  ['a generated answer', { response: 'Paris' }],
])('%s has its text', (_name, body) => {
  expect(readAnswer(JSON.stringify(body))).toEqual({ parts: [{ kind: 'text', label: '', text: 'Paris' }], events: 0 });
});

test.each<[string, object]>([
  [
    'messages',
    {
      messages: [
        { role: 'system', content: 'Be kind' },
        { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      ],
    },
  ],
  ['a system text and messages', { system: [{ type: 'text', text: 'Be kind' }], messages: [{ role: 'user', content: 'Hi' }] }],
  ['instructions and input', { instructions: 'Be kind', input: 'Hi' }],
  ['contents', { systemInstruction: { parts: [{ text: 'Be kind' }] }, contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }],
])('a request’s turns are told apart: %s', (_name, body) => {
  expect(readRequest(JSON.stringify(body))).toEqual([
    { kind: 'text', label: 'system', text: 'Be kind' },
    { kind: 'text', label: 'user', text: 'Hi' },
  ]);
});

test.each(['', 'plain text', '{"a":', '[1,2]', 'null', '{"choices":"no"}', '{{{{', '{"choices":[null]}'])(
  'what is no answer that it knows gives no parts: %j',
  (body) => {
    expect(readAnswer(body).parts).toEqual([]);
    expect(readRequest(body)).toEqual([]);
  },
);
