/** Copyable first calls, one per client: plain text with the lines marked that Glassway adds or changes. */

export interface SnippetLine {
  readonly text: string;
  readonly changed: boolean;
}

export interface Snippet {
  readonly name: string;
  readonly lines: readonly SnippetLine[];
}

/** `+` opens a line that Glassway adds or changes; URL and PROJECT stand for the values. */
const TEMPLATES: readonly (readonly [name: string, text: string])[] = [
  [
    'curl',
    `+curl URL/openai/v1/chat/completions \\
  -H "authorization: Bearer $OPENAI_API_KEY" \\
  -H "content-type: application/json" \\
+  -H "x-glassway-project: PROJECT" \\
  -d '{"model":"gpt-5-mini","messages":[{"role":"user","content":"Hello"}]}'`,
  ],
  [
    'OpenAI · Python',
    `from openai import OpenAI

client = OpenAI(
+    base_url="URL/openai/v1",
+    default_headers={"x-glassway-project": "PROJECT"},
)
response = client.responses.create(model="gpt-5-mini", input="Hello")`,
  ],
  [
    'OpenAI · JavaScript',
    `import OpenAI from 'openai';

const client = new OpenAI({
+  baseURL: 'URL/openai/v1',
+  defaultHeaders: { 'x-glassway-project': 'PROJECT' },
});
const response = await client.responses.create({ model: 'gpt-5-mini', input: 'Hello' });`,
  ],
  [
    'Anthropic · Python',
    `from anthropic import Anthropic

client = Anthropic(
+    base_url="URL/anthropic",
+    default_headers={"x-glassway-project": "PROJECT"},
)
message = client.messages.create(
    model="claude-sonnet-4-5", max_tokens=1024,
    messages=[{"role": "user", "content": "Hello"}],
)`,
  ],
  [
    'Anthropic · JavaScript',
    `import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({
+  baseURL: 'URL/anthropic',
+  defaultHeaders: { 'x-glassway-project': 'PROJECT' },
});
const message = await client.messages.create({
  model: 'claude-sonnet-4-5', max_tokens: 1024,
  messages: [{ role: 'user', content: 'Hello' }],
});`,
  ],
  [
    'Gemini · Python',
    `from google import genai
from google.genai import types

client = genai.Client(http_options=types.HttpOptions(
+    base_url="URL/gemini",
+    headers={"x-glassway-project": "PROJECT"},
))
response = client.models.generate_content(model="gemini-2.5-flash", contents="Hello")`,
  ],
  [
    'Gemini · JavaScript',
    `import { GoogleGenAI } from '@google/genai';

const client = new GoogleGenAI({
  apiKey: process.env.GEMINI_API_KEY,
  httpOptions: {
+    baseUrl: 'URL/gemini',
+    headers: { 'x-glassway-project': 'PROJECT' },
  },
});
const response = await client.models.generateContent({ model: 'gemini-2.5-flash', contents: 'Hello' });`,
  ],
];

/** Quotes and the like in a project's name would break out of the snippet's string. */
function quotable(project: string): string {
  return project.replace(/["'\\$`{}]/g, '_');
}

export function makeSnippets(proxyUrl: string, project: string): Snippet[] {
  const fill = (text: string): string => text.replaceAll('URL/', () => `${proxyUrl}/`).replaceAll('PROJECT', () => quotable(project));
  return TEMPLATES.map(([name, text]) => ({
    name,
    lines: text.split('\n').map((line) => {
      const changed = line.startsWith('+');
      return { text: fill(changed ? line.slice(1) : line), changed };
    }),
  }));
}
