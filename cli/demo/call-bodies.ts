/**
 * What the demo's calls look like on the wire: for each kind, the upstream, the path and the body that an
 * application would send with the official SDKs. Pure; credentials are plainly not real ones.
 */

export interface Prompt {
  readonly model: string;
  readonly stream: boolean;
  readonly text: string;
  readonly system: string;
  readonly tools: boolean;
  /** Whether the caller would like the model to think first. */
  readonly think: boolean;
  /** For OpenAI's chat streams: whether usage is asked for. Without it, the provider says none. */
  readonly askUsage: boolean;
  readonly userId: string;
}

export interface CallBody {
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

const LOOK_UP = {
  name: 'look_up_order',
  description: 'Finds an order by its number.',
  schema: {
    type: 'object',
    properties: { order_number: { type: 'string' }, with_history: { type: 'boolean' } },
    required: ['order_number'],
  },
};
const OUTPUT_TOKENS_MAX = 2_048;
const OPENAI_HEADERS = { authorization: 'Bearer demo' };

function post(path: string, headers: Readonly<Record<string, string>>, body: unknown): CallBody {
  return { path, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

const KINDS = {
  'openai-chat': (prompt: Prompt) =>
    post('/demo-openai/v1/chat/completions', OPENAI_HEADERS, {
      model: prompt.model,
      messages: [
        { role: 'system', content: prompt.system },
        { role: 'user', content: prompt.text },
      ],
      ...(prompt.stream ? { stream: true, ...(prompt.askUsage ? { stream_options: { include_usage: true } } : {}) } : {}),
      ...(prompt.tools
        ? { tools: [{ type: 'function', function: { name: LOOK_UP.name, description: LOOK_UP.description, parameters: LOOK_UP.schema } }] }
        : {}),
    }),
  'openai-responses': (prompt: Prompt) =>
    post('/demo-openai/v1/responses', OPENAI_HEADERS, {
      model: prompt.model,
      instructions: prompt.system,
      input: [{ role: 'user', content: prompt.text }],
      ...(prompt.stream ? { stream: true } : {}),
      ...(prompt.think ? { reasoning: { effort: 'medium', summary: 'auto' } } : {}),
      ...(prompt.tools
        ? { tools: [{ type: 'function', name: LOOK_UP.name, description: LOOK_UP.description, parameters: LOOK_UP.schema }] }
        : {}),
    }),
  'openai-completions': (prompt: Prompt) =>
    post('/demo-openai/v1/completions', OPENAI_HEADERS, {
      model: prompt.model,
      prompt: prompt.text,
      max_tokens: 256,
      stream: prompt.stream,
    }),
  'openai-embeddings': (prompt: Prompt) =>
    post('/demo-openai/v1/embeddings', OPENAI_HEADERS, { model: prompt.model, input: [prompt.text], encoding_format: 'base64' }),
  'anthropic-messages': (prompt: Prompt) =>
    post(
      '/demo-anthropic/v1/messages',
      { 'x-api-key': 'demo', 'anthropic-version': '2023-06-01' },
      {
        model: prompt.model,
        max_tokens: OUTPUT_TOKENS_MAX,
        system: [{ type: 'text', text: prompt.system, cache_control: { type: 'ephemeral' } }],
        messages: [{ role: 'user', content: prompt.text }],
        metadata: { user_id: prompt.userId },
        ...(prompt.stream ? { stream: true } : {}),
        ...(prompt.think ? { thinking: { type: 'enabled', budget_tokens: 1_024 } } : {}),
        ...(prompt.tools ? { tools: [{ name: LOOK_UP.name, description: LOOK_UP.description, input_schema: LOOK_UP.schema }] } : {}),
      },
    ),
  'gemini-generate': (prompt: Prompt) =>
    post(
      `/demo-gemini/v1beta/models/${prompt.model}:${prompt.stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
      { 'x-goog-api-key': 'demo' },
      {
        systemInstruction: { parts: [{ text: prompt.system }] },
        contents: [{ role: 'user', parts: [{ text: prompt.text }] }],
        generationConfig: { maxOutputTokens: OUTPUT_TOKENS_MAX },
        ...(prompt.tools
          ? {
              tools: [
                { functionDeclarations: [{ name: LOOK_UP.name, description: LOOK_UP.description, parametersJsonSchema: LOOK_UP.schema }] },
              ],
            }
          : {}),
      },
    ),
  'gemini-embeddings': (prompt: Prompt) =>
    post(
      `/demo-gemini/v1beta/models/${prompt.model}:embedContent`,
      { 'x-goog-api-key': 'demo' },
      { model: `models/${prompt.model}`, content: { parts: [{ text: prompt.text }] } },
    ),
} as const satisfies Record<string, (prompt: Prompt) => CallBody>;

export type CallKind = keyof typeof KINDS;

export function bodyOf(kind: CallKind, prompt: Prompt): CallBody {
  return KINDS[kind](prompt);
}

/** What the SDKs of these providers say of themselves. */
export function userAgentOf(kind: CallKind, language: 'JS' | 'Python'): string {
  if (kind.startsWith('anthropic')) return language === 'JS' ? 'Anthropic/JS 1.12.0' : 'Anthropic/Python 0.75.0';
  if (kind.startsWith('gemini')) return language === 'JS' ? 'google-genai-sdk/3.1.0 gl-node/24' : 'google-genai-sdk/1.52.0 gl-python/3.13';
  return language === 'JS' ? 'OpenAI/JS 7.57.0' : 'OpenAI/Python 2.8.1';
}
