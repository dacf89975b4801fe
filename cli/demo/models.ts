/**
 * The models that the mock provider knows: how fast each is, how much it says, and the dated name it answers
 * with. Figures are of the order that public latency comparisons show; nothing depends on them being exact.
 */

/** The first part of a path to the mock. */
export type MockDialectName = 'openai' | 'anthropic' | 'gemini' | 'mistral' | 'groq' | 'cohere' | 'bedrock' | 'ollama';

export interface MockModel {
  /** What a request says. */
  readonly name: string;
  /** What the answer says. */
  readonly answersAs: string;
  readonly dialect: MockDialectName;
  readonly ttft_ms: number;
  readonly tokens_per_second: number;
  readonly outputTokensMedian: number;
  /** Thinks before it answers, whether asked to or not. */
  readonly reasons: boolean;
}

const model = (
  dialect: MockModel['dialect'],
  name: string,
  answersAs: string,
  ttft_ms: number,
  tokens_per_second: number,
  outputTokensMedian: number,
  reasons: boolean,
): MockModel => ({ dialect, name, answersAs, ttft_ms, tokens_per_second, outputTokensMedian, reasons });

export const MOCK_MODELS: readonly MockModel[] = [
  model('openai', 'gpt-5', 'gpt-5-2025-08-07', 800, 70, 260, true),
  model('openai', 'gpt-5-mini', 'gpt-5-mini-2025-08-07', 520, 95, 200, true),
  model('openai', 'gpt-5-nano', 'gpt-5-nano-2025-08-07', 380, 120, 120, true),
  model('openai', 'gpt-4o', 'gpt-4o-2024-08-06', 420, 80, 180, false),
  model('openai', 'gpt-4o-mini', 'gpt-4o-mini-2024-07-18', 330, 90, 150, false),
  model('openai', 'gpt-4.1', 'gpt-4.1-2025-04-14', 450, 75, 220, false),
  model('openai', 'gpt-4.1-mini', 'gpt-4.1-mini-2025-04-14', 340, 90, 160, false),
  model('openai', 'gpt-3.5-turbo-instruct', 'gpt-3.5-turbo-instruct:20230824-v2', 250, 80, 60, false),
  model('openai', 'text-embedding-3-small', 'text-embedding-3-small', 200, 120, 0, false),
  model('openai', 'text-embedding-3-large', 'text-embedding-3-large', 260, 120, 0, false),
  model('anthropic', 'claude-sonnet-4-5', 'claude-sonnet-4-5-20250929', 750, 65, 280, false),
  model('anthropic', 'claude-haiku-4-5', 'claude-haiku-4-5-20251001', 400, 110, 180, false),
  model('anthropic', 'claude-opus-4-5', 'claude-opus-4-5-20251101', 900, 50, 320, false),
  model('gemini', 'gemini-2.5-flash', 'gemini-2.5-flash', 380, 120, 200, true),
  model('gemini', 'gemini-2.5-flash-lite', 'gemini-2.5-flash-lite', 260, 120, 120, false),
  model('gemini', 'gemini-2.5-pro', 'gemini-2.5-pro', 900, 80, 300, true),
  model('gemini', 'gemini-embedding-001', 'gemini-embedding-001', 220, 120, 0, false),
];

const BY_NAME: ReadonlyMap<string, MockModel> = new Map(
  MOCK_MODELS.flatMap((entry) => [
    [entry.name, entry],
    [entry.answersAs, entry],
  ]),
);

/** Any name is answered: one that is not in the table gets middling figures and its own name back. */
export function findMockModel(name: string, dialect: MockModel['dialect']): MockModel {
  return BY_NAME.get(name) ?? model(dialect, name, name, 500, 80, 180, false);
}
