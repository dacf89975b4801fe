/**
 * The invented company whose calls the demo sends: its projects, what each asks of which model, how much and how.
 * Models are real and priced by the catalogue, but for UNPRICED_MODEL, which shows what an unknown price looks like.
 */
import type { CallKind } from './call-bodies.ts';

export interface CallMix {
  readonly weight: number;
  readonly kind: CallKind;
  readonly model: string;
  readonly streamShare: number;
}

export interface DemoProject {
  readonly name: string;
  /** Its share of all calls. */
  readonly weight: number;
  readonly team: string;
  readonly features: readonly string[];
  readonly users: number;
  readonly promptTokensMedian: number;
  /** How likely a call is to follow up on an earlier one of its session, with the history growing. */
  readonly followUp: number;
  readonly toolShare: number;
  readonly language: 'JS' | 'Python';
  readonly mix: readonly CallMix[];
}

export const UNPRICED_MODEL = 'aurora-preview-1';

const mix = (weight: number, kind: CallKind, model: string, streamShare = 0): CallMix => ({ weight, kind, model, streamShare });

export const DEMO_PROJECTS: readonly DemoProject[] = [
  {
    name: 'support-bot',
    weight: 34,
    team: 'support',
    features: ['chat', 'handover', 'summary'],
    users: 400,
    promptTokensMedian: 420,
    followUp: 0.75,
    toolShare: 0.25,
    language: 'JS',
    mix: [
      mix(50, 'openai-chat', 'gpt-4o-mini', 0.9),
      mix(30, 'anthropic-messages', 'claude-haiku-4-5', 0.9),
      mix(20, 'openai-responses', 'gpt-5-mini', 0.8),
    ],
  },
  {
    name: 'checkout-assistant',
    weight: 22,
    team: 'payments',
    features: ['cart-questions', 'address-check', 'upsell'],
    users: 900,
    promptTokensMedian: 260,
    followUp: 0.4,
    toolShare: 0.5,
    language: 'JS',
    mix: [
      mix(45, 'gemini-generate', 'gemini-2.5-flash', 0.6),
      mix(35, 'openai-chat', 'gpt-5-mini', 0.5),
      mix(20, 'openai-chat', 'gpt-4.1-mini', 0.5),
    ],
  },
  {
    name: 'search-ranking',
    weight: 24,
    team: 'discovery',
    features: ['embed-catalogue', 'rewrite-query', 'rerank'],
    users: 60,
    promptTokensMedian: 120,
    followUp: 0,
    toolShare: 0,
    language: 'Python',
    mix: [
      mix(60, 'openai-embeddings', 'text-embedding-3-small'),
      mix(10, 'gemini-embeddings', 'gemini-embedding-001'),
      mix(25, 'gemini-generate', 'gemini-2.5-flash-lite'),
      mix(4, 'openai-chat', 'gpt-5-nano'),
      mix(1, 'openai-chat', UNPRICED_MODEL),
    ],
  },
  {
    name: 'code-review',
    weight: 12,
    team: 'platform',
    features: ['pull-request', 'explain', 'fix-suggestion'],
    users: 45,
    promptTokensMedian: 2_200,
    followUp: 0.3,
    toolShare: 0.4,
    language: 'Python',
    mix: [
      mix(60, 'anthropic-messages', 'claude-sonnet-4-5', 0.85),
      mix(20, 'openai-responses', 'gpt-5', 0.6),
      mix(20, 'gemini-generate', 'gemini-2.5-pro', 0.5),
    ],
  },
  {
    name: 'marketing-copy',
    weight: 8,
    team: 'growth',
    features: ['newsletter', 'landing-page', 'translation'],
    users: 20,
    promptTokensMedian: 340,
    followUp: 0.2,
    toolShare: 0,
    language: 'Python',
    mix: [
      mix(40, 'anthropic-messages', 'claude-opus-4-5', 0.3),
      mix(35, 'openai-chat', 'gpt-4o', 0.3),
      mix(20, 'openai-responses', 'gpt-5', 0.2),
      mix(5, 'openai-completions', 'gpt-3.5-turbo-instruct'),
    ],
  },
];
