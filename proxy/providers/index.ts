/**
 * The table of wire formats (DIALECTS) and of the places to send calls to (UPSTREAMS): all that Glassway
 * knows of vendors by name. A vendor that speaks another's format is one line here.
 * `provider` is OpenTelemetry's `gen_ai.provider.name` where it has one, else the upstream's name.
 * https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/#gen-ai-provider-name
 */
import { anthropic as messages } from './anthropic.ts';
import { bedrock } from './bedrock.ts';
import { cohere } from './cohere.ts';
import { gemini } from './gemini.ts';
import { lmstudio } from './lmstudio.ts';
import { ollama } from './ollama.ts';
import { OPENAI_ENDPOINTS, openai } from './openai.ts';
import type { Dialect, Upstream } from './provider.ts';

/** Anthropic answers OpenAI's format too: https://docs.claude.com/en/api/openai-sdk */
const anthropic: Dialect = { ...messages, endpoints: [...messages.endpoints, ...OPENAI_ENDPOINTS] };

export const DIALECTS: Readonly<Record<string, Dialect>> = { openai, anthropic, gemini, bedrock, cohere, ollama };

/** Where Vertex's hosts do not follow `{location}-…`: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations */
const VERTEX_HOSTS = {
  global: 'https://aiplatform.googleapis.com',
  us: 'https://aiplatform.us.rep.googleapis.com',
  eu: 'https://aiplatform.eu.rep.googleapis.com',
};

/** The built-in mock provider of `glassway demo`. */
const DEMO = 'http://127.0.0.1:4705';

type Line = readonly [
  name: string,
  baseUrl: string,
  dialect: Dialect,
  rest?: {
    readonly provider?: string;
    readonly keyHeader?: string;
    readonly saysUsage?: true;
    readonly exceptions?: Readonly<Record<string, string>>;
  },
];

const LINES: readonly Line[] = [
  ['openai', 'https://api.openai.com', openai],
  ['azure', 'https://{resource}.openai.azure.com', openai, { provider: 'azure.ai.openai', keyHeader: 'api-key' }],
  ['anthropic', 'https://api.anthropic.com', anthropic],
  ['gemini', 'https://generativelanguage.googleapis.com', gemini, { provider: 'gcp.gemini' }],
  [
    'vertex',
    'https://{location}-aiplatform.googleapis.com',
    gemini,
    { provider: 'gcp.vertex_ai', keyHeader: 'authorization', exceptions: VERTEX_HOSTS },
  ],
  ['bedrock', 'https://bedrock-runtime.{region}.amazonaws.com', bedrock, { provider: 'aws.bedrock' }],
  ['bedrock-mantle', 'https://bedrock-mantle.{region}.api.aws', bedrock, { provider: 'aws.bedrock' }],
  ['mistral', 'https://api.mistral.ai', openai, { provider: 'mistral_ai', saysUsage: true }],
  ['cohere', 'https://api.cohere.com', cohere],
  ['groq', 'https://api.groq.com', openai, { saysUsage: true }],
  ['deepseek', 'https://api.deepseek.com', openai],
  ['xai', 'https://api.x.ai', openai, { provider: 'x_ai', saysUsage: true }],
  ['openrouter', 'https://openrouter.ai', openai, { saysUsage: true }],
  ['together', 'https://api.together.xyz', openai],
  ['fireworks', 'https://api.fireworks.ai', openai],
  ['perplexity', 'https://api.perplexity.ai', openai, { saysUsage: true }],
  ['cerebras', 'https://api.cerebras.ai', openai],
  ['huggingface', 'https://router.huggingface.co', openai],
  ['moonshot', 'https://api.moonshot.ai', openai],
  ['zai', 'https://api.z.ai', openai],
  ['snowflake', 'https://{account}.snowflakecomputing.com', openai],
  ['voyage', 'https://api.voyageai.com', openai],
  ['nvidia', 'https://integrate.api.nvidia.com', openai],
  ['ollama', 'http://127.0.0.1:11434', ollama],
  ['vllm', 'http://127.0.0.1:8000', openai],
  ['lmstudio', 'http://127.0.0.1:1234', lmstudio],
  ['demo-openai', `${DEMO}/openai`, openai, { provider: 'openai' }],
  ['demo-anthropic', `${DEMO}/anthropic`, anthropic, { provider: 'anthropic' }],
  ['demo-gemini', `${DEMO}/gemini`, gemini, { provider: 'gcp.gemini' }],
];

export const UPSTREAMS: Readonly<Record<string, Upstream>> = Object.fromEntries(
  LINES.map(([name, baseUrl, dialect, rest]) => [name, { name, baseUrl, dialect, provider: name, ...rest }]),
);
