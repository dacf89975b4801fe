/**
 * The recorded exchanges that lie beside the checkout, and a way to run one through the extraction. Where they are absent
 * HAVE_RECORDINGS says so.
 */
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { CallFacts } from '../../proxy/extract.ts';
import { UPSTREAMS } from '../../proxy/providers/index.ts';
import { extractCall } from './kit.ts';

export interface Recording {
  readonly method: string;
  readonly url: string;
  readonly requestHeaders?: Readonly<Record<string, string>>;
  readonly requestBody?: string;
  readonly requestBodyBase64?: string;
  readonly status: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
  readonly source: string;
  readonly expected: {
    readonly status: number;
    readonly requestModel: string | null;
    readonly responseModel: string | null;
    readonly stream: boolean;
    readonly finishReason: string | null;
    readonly provider: string;
    readonly operation: string;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly cacheReadTokens: number;
    readonly cacheWriteTokens: number;
    readonly reasoningTokens: number;
    readonly usageReported: boolean;
  };
}

/** Recorded host to upstream; what is not listed is some OpenAI-compatible server. */
const UPSTREAM_OF_HOST: readonly (readonly [host: RegExp, upstream: string])[] = [
  [/^api\.openai\.com$/, 'openai'],
  [/\.openai\.azure\.com$/, 'azure'],
  [/^api\.anthropic\.com$/, 'anthropic'],
  [/^generativelanguage\.googleapis\.com$/, 'gemini'],
  [/aiplatform\.googleapis\.com$/, 'vertex'],
  [/^bedrock-runtime\./, 'bedrock'],
  [/^bedrock-mantle\./, 'bedrock-mantle'],
  [/^api\.mistral\.ai$/, 'mistral'],
  [/^api\.cohere\.com$/, 'cohere'],
  [/^api\.groq\.com$/, 'groq'],
  [/^openrouter\.ai$/, 'openrouter'],
  [/^api\.deepseek\.com$/, 'deepseek'],
  [/^router\.huggingface\.co$/, 'huggingface'],
  [/^api\.cerebras\.ai$/, 'cerebras'],
  [/^api\.z\.ai$/, 'zai'],
  [/\.snowflakecomputing\.com$/, 'snowflake'],
  [/^api\.voyageai\.com$/, 'voyage'],
  [/^api\.together\.xyz$/, 'together'],
  [/^api\.x\.ai$/, 'xai'],
  [/:11434$|^ollama\.com$/, 'ollama'],
];

const FILE = new URL('../../../shared/recordings/exchanges.jsonl', import.meta.url);
export const HAVE_RECORDINGS = existsSync(FILE);

export async function readRecordings(): Promise<Recording[]> {
  const recordings: Recording[] = [];
  for await (const line of createInterface({ input: createReadStream(FILE) })) recordings.push(JSON.parse(line) as Recording);
  return recordings;
}

export function bytesOf(text: string | undefined, base64: string | undefined): Buffer {
  return base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
}

export interface Way {
  readonly encoding?: string;
  readonly encode?: (bytes: Buffer) => Buffer;
  readonly cuts: number;
}

export async function replay(
  recording: Recording,
  way: Way,
  random: () => number,
): Promise<{ facts: CallFacts; operation: string; provider: string }> {
  const url = new URL(recording.url);
  const upstream = UPSTREAMS[UPSTREAM_OF_HOST.find(([host]) => host.test(url.host))?.[1] ?? 'vllm'];
  if (!upstream) throw new Error(`no upstream for ${url.host}`);
  const body = bytesOf(recording.responseBody, recording.responseBodyBase64);
  const call = await extractCall({
    upstream,
    method: recording.method,
    path: url.pathname,
    query: url.search.slice(1),
    request: bytesOf(recording.requestBody, recording.requestBodyBase64),
    requestType: recording.requestHeaders?.['content-type'] ?? 'application/json',
    status: recording.status,
    responseType: recording.responseHeaders?.['content-type'] ?? '',
    responseEncoding: way.encoding ?? '',
    response: way.encode ? way.encode(body) : body,
    cuts: way.cuts,
    random,
  });
  return { facts: call.facts, operation: call.operation, provider: upstream.provider };
}
