/** Captured text as the conventions' messages, from every wire format. */
import { contentAttributes } from '../../../ingest/otlp/messages/content.ts';

const read = (request: unknown, response: unknown, operation = 'chat') => {
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  const found = contentAttributes({ operation }, { capture: 'full', request: text(request), response: text(response) });
  const parsed = (name: string): unknown => (found[name] === undefined ? undefined : JSON.parse(String(found[name])));
  return {
    system: parsed('gen_ai.system_instructions'),
    input: parsed('gen_ai.input.messages'),
    output: parsed('gen_ai.output.messages'),
    stops: found['gen_ai.request.stop_sequences'],
    tools: parsed('gen_ai.tool.definitions'),
  };
};

const text = (content: string) => ({ type: 'text', content });
const says = (...parts: object[]) => ({ role: 'assistant', parts, finish_reason: expect.any(String) });
const user = (...parts: object[]) => ({ role: 'user', parts });
const call = (id: string | null, name: string, args: unknown) => ({ type: 'tool_call', id, name, arguments: args });
const sse = (...events: unknown[]): string => `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`;

test('OpenAI chat, with tools both ways', () => {
  const request = {
    messages: [
      { role: 'system', content: 'Be kind.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Weather?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"at":"Paris"}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'rainy' },
    ],
    stop: 'END',
  };
  const found = read(request, { choices: [{ message: { role: 'assistant', content: 'Rain.' }, finish_reason: 'stop' }] });
  expect(found.input).toEqual([
    { role: 'system', parts: [text('Be kind.')] },
    user(text('Weather?'), { type: 'image_url' }),
    { role: 'assistant', parts: [call('c1', 'weather', { at: 'Paris' })] },
    { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: 'rainy' }] },
  ]);
  expect(found.output).toEqual([{ role: 'assistant', parts: [text('Rain.')], finish_reason: 'stop' }]);
  expect(found.stops).toEqual(['END']);
});

test('an OpenAI chat stream is put together, reasoning and tool calls apart', () => {
  const delta = (value: object, finish_reason: string | null = null) => ({ choices: [{ index: 0, delta: value, finish_reason }] });
  const stream = sse(
    delta({ role: 'assistant', content: '' }),
    delta({ reasoning_content: 'Hm. ' }),
    delta({ content: 'It ' }),
    delta({ content: 'rains.' }),
    delta({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'w', arguments: '{"a"' } }] }),
    delta({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
    delta({}, 'tool_calls'),
    { choices: [], usage: {} },
  );
  expect(read({}, stream).output).toEqual([
    {
      role: 'assistant',
      parts: [{ type: 'reasoning', content: 'Hm. ' }, text('It rains.'), call('c1', 'w', { a: 1 })],
      finish_reason: 'tool_calls',
    },
  ]);
});

test('the Responses API, whole and streamed', () => {
  const output = [
    { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Think.' }] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello' }] },
    { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
  ];
  const wanted = [says({ type: 'reasoning', content: 'Think.' }, text('Hello'), call('c1', 'f', {}))];
  const found = read({ instructions: 'Be brief.', input: 'Hi' }, { output, status: 'completed' });
  expect(found).toMatchObject({ system: [text('Be brief.')], input: [user(text('Hi'))], output: wanted });
  const stream = sse(
    { type: 'response.output_text.delta', delta: 'Hel' },
    { type: 'response.completed', response: { output, status: 'completed' } },
  );
  expect(read({ input: [{ type: 'function_call_output', call_id: 'c1', output: '4' }] }, stream)).toMatchObject({
    input: [{ role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: '4' }] }],
    output: wanted,
  });
});

test('Anthropic, whole and streamed', () => {
  const request = {
    system: [{ type: 'text', text: 'Be kind.' }],
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: '4' }] },
    ],
    stop_sequences: ['A', 'B'],
  };
  const content = [
    { type: 'thinking', thinking: 'Hm' },
    { type: 'text', text: 'Hello' },
    { type: 'tool_use', id: 't2', name: 'f', input: { a: 1 } },
  ];
  const wanted = [
    {
      role: 'assistant',
      parts: [{ type: 'reasoning', content: 'Hm' }, text('Hello'), call('t2', 'f', { a: 1 })],
      finish_reason: 'tool_use',
    },
  ];
  expect(read(request, { content, stop_reason: 'tool_use' })).toEqual({
    system: [text('Be kind.')],
    input: [user(text('Hi')), user({ type: 'tool_call_response', id: 't1', response: '4' })],
    output: wanted,
    stops: ['A', 'B'],
  });
  const stream = `event: message_start\n${sse(
    { type: 'message_start', message: {} },
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Hello' } },
    { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 't2', name: 'f', input: {} } },
    { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"a":1}' } },
    { type: 'message_delta', delta: { stop_reason: 'tool_use' } },
  )}`;
  expect(read({}, stream).output).toEqual(wanted);
});

test.each([
  [
    'Gemini',
    {
      systemInstruction: { parts: [{ text: 'S' }] },
      contents: [
        { role: 'user', parts: [{ text: 'Q' }] },
        { role: 'model', parts: [{ functionCall: { name: 'f', args: { a: 1 } } }] },
      ],
    },
    { candidates: [{ content: { role: 'model', parts: [{ text: 'T', thought: true }, { text: 'A' }] }, finishReason: 'STOP' }] },
    {
      system: [text('S')],
      input: [user(text('Q')), { role: 'assistant', parts: [call(null, 'f', { a: 1 })] }],
      output: [says({ type: 'reasoning', content: 'T' }, text('A'))],
    },
  ],
  [
    'a Gemini array stream',
    { contents: [{ parts: [{ text: 'Q' }] }] },
    [
      { candidates: [{ content: { parts: [{ text: 'A' }] } }] },
      { candidates: [{ content: { parts: [{ text: 'B' }] }, finishReason: 'STOP' }] },
    ],
    { input: [user(text('Q'))], output: [{ role: 'assistant', parts: [text('AB')], finish_reason: 'STOP' }] },
  ],
  [
    'Bedrock Converse',
    { system: [{ text: 'S' }], messages: [{ role: 'user', content: [{ text: 'Q' }] }], inferenceConfig: { stopSequences: ['X'] } },
    {
      output: { message: { role: 'assistant', content: [{ text: 'A' }, { toolUse: { toolUseId: 't', name: 'f', input: {} } }] } },
      stopReason: 'tool_use',
    },
    { system: [text('S')], input: [user(text('Q'))], output: [says(text('A'), call('t', 'f', {}))], stops: ['X'] },
  ],
  [
    'Cohere v2',
    { messages: [{ role: 'user', content: 'Q' }] },
    { message: { role: 'assistant', content: [{ type: 'text', text: 'A' }] }, finish_reason: 'COMPLETE' },
    { input: [user(text('Q'))], output: [{ role: 'assistant', parts: [text('A')], finish_reason: 'COMPLETE' }] },
  ],
  [
    'Cohere v1',
    { preamble: 'S', chat_history: [{ role: 'CHATBOT', message: 'B' }], message: 'Q' },
    { text: 'A', finish_reason: 'COMPLETE' },
    { system: [text('S')], input: [{ role: 'assistant', parts: [text('B')] }, user(text('Q'))], output: [says(text('A'))] },
  ],
  [
    'Ollama lines',
    { messages: [{ role: 'user', content: 'Q' }] },
    '{"message":{"role":"assistant","content":"A"},"done":false}\n{"message":{"role":"assistant","content":"B"},"done":true,"done_reason":"stop"}\n',
    { input: [user(text('Q'))], output: [{ role: 'assistant', parts: [text('AB')], finish_reason: 'stop' }] },
  ],
  [
    'a completion',
    { prompt: 'Q' },
    { choices: [{ text: 'A', finish_reason: 'length' }] },
    { input: [user(text('Q'))], output: [{ role: 'assistant', parts: [text('A')], finish_reason: 'length' }] },
  ],
])('%s', (_name, request, response, wanted) => {
  expect(read(request, response)).toMatchObject(wanted);
});

test.each([
  '',
  'no JSON',
  '{"cut":',
  '[]',
  'null',
  '7',
  '\0\0\0',
  '{"choices":[null,7]}',
  '{"messages":[[],{"content":{}}]}',
  'data: {"choices":7}\n\n',
])('what cannot be read gives nothing and throws nothing: %j', (body) => {
  expect(() => read(body, body)).not.toThrow();
});

test('embeddings have no messages in their answer', () => {
  expect(read({ input: ['a', 'b'] }, { data: [{ embedding: [1] }], text: 'x' }, 'embeddings')).toMatchObject({
    input: [user(text('a')), user(text('b'))],
    output: undefined,
  });
});

test.each<[string, unknown, [type: string, name: string]]>([
  [
    'OpenAI chat',
    { tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }] },
    ['function', 'weather'],
  ],
  ['OpenAI chat before tools', { functions: [{ name: 'weather' }] }, ['function', 'weather']],
  ['OpenAI responses', { tools: [{ type: 'function', name: 'weather', parameters: {} }] }, ['function', 'weather']],
  ['a tool of the provider’s own', { tools: [{ type: 'web_search' }] }, ['web_search', 'web_search']],
  ['Anthropic', { tools: [{ name: 'weather', input_schema: {} }] }, ['function', 'weather']],
  ['Gemini', { tools: [{ functionDeclarations: [{ name: 'weather', description: 'of a city' }] }] }, ['function', 'weather']],
  ['Bedrock', { toolConfig: { tools: [{ toolSpec: { name: 'weather', inputSchema: {} } }] } }, ['function', 'weather']],
])('tools of %s: kind and name, and nothing else', (_format, request, [type, name]) => {
  expect(read(request, '').tools).toEqual([{ type, name }]);
});
