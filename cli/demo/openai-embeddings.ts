/**
 * The mock's OpenAI embeddings, as numbers or base64, as documented at
 * https://platform.openai.com/docs/api-reference/embeddings, and vectors for whoever needs some. No I/O.
 */
import { field, list, positiveInteger, text } from './json.ts';
import { createRandom } from './random.ts';
import { askFor, type MockEndpoint, type MockRequest } from './wire.ts';

/** Together they bound an embeddings answer to some ten megabytes. */
const EMBEDDING_VALUES_MAX = 1_000_000;
const EMBEDDING_DIMENSIONS: Readonly<Record<string, number>> = { 'text-embedding-3-large': 3072 };
const EMBEDDING_DIMENSIONS_DEFAULT = 1536;

export const EMBEDDINGS: MockEndpoint = {
  method: 'POST',
  path: /^\/v1\/embeddings$/,
  operation: 'embeddings',
  read: (request) => {
    const model = text(field(request.body, 'model'));
    if (model === '') return { problem: 'you must provide a model parameter' };
    const { inputs, dimensions } = readEmbeddings(request);
    if (inputs.length === 0) return { problem: 'input: want a text or a list of texts' };
    if (inputs.length * dimensions > EMBEDDING_VALUES_MAX)
      return { problem: `input: inputs times dimensions above ${EMBEDDING_VALUES_MAX}` };
    return askFor(request, { model, thinking: 'off', outputTokensMax: 1 });
  },
  whole: (request, _ask, reply) => {
    const { inputs, dimensions } = readEmbeddings(request);
    const base64 = field(request.body, 'encoding_format') === 'base64';
    const data = inputs.map((input, index) => {
      const vector = embeddingOf(input, dimensions);
      return { object: 'embedding', index, embedding: base64 ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector) };
    });
    const prompt_tokens = reply.usage.input_tokens;
    const usage = { ...reply.usage, output_tokens: 0, reasoning_tokens: 0 };
    return { body: { object: 'list', data, model: reply.model, usage: { prompt_tokens, total_tokens: prompt_tokens } }, usage };
  },
};

function readEmbeddings(request: MockRequest): { inputs: readonly unknown[]; dimensions: number } {
  const input = field(request.body, 'input');
  // A list of numbers is one input, already cut into tokens.
  const single = typeof input === 'string' || typeof list(input)[0] === 'number';
  const known = EMBEDDING_DIMENSIONS[text(field(request.body, 'model'))] ?? EMBEDDING_DIMENSIONS_DEFAULT;
  return { inputs: single ? [input] : list(input), dimensions: positiveInteger(field(request.body, 'dimensions')) ?? known };
}

/** The same input has the same vector; its length is about one. */
export function embeddingOf(input: unknown, dimensions: number): Float32Array {
  const random = createRandom('embedding', JSON.stringify(input) ?? '');
  const scale = Math.sqrt(12 / dimensions);
  return Float32Array.from({ length: dimensions }, () => (random.next() - 0.5) * scale);
}
