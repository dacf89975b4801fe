/**
 * What the mock provider can be told to do wrong (or right): the one table of its scenarios.
 * A call chooses one with the header `x-mock-scenario: <name>`, or with a model named `mock-<name>`;
 * otherwise, with random errors on, the seed chooses at the rates given here.
 */
import type { Random } from './random.ts';

export const SCENARIO_HEADER = 'x-mock-scenario';
const SCENARIO_MODEL_PREFIX = 'mock-';

/** `status`: the provider's error of that status; the others say where in the answer things break. */
export type Scenario =
  | { readonly kind: 'answer'; readonly variation: 'none' | 'tool_call' | 'length' | 'no_usage' | 'slow' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'break'; readonly how: 'malformed_body' | 'in_stream_error' | 'cut_stream' | 'reset' | 'stall' };

export interface ScenarioEntry {
  readonly name: string;
  readonly description: string;
  readonly scenario: Scenario;
  /** How often it happens by itself when random errors are on. */
  readonly rate: number;
  /** Only this dialect's provider has it, when it is left to chance. */
  readonly onlyDialect?: string;
}

export const SCENARIOS: readonly ScenarioEntry[] = [
  { name: 'ok', description: 'an ordinary answer, never an error', scenario: { kind: 'answer', variation: 'none' }, rate: 0 },
  { name: 'tool_call', description: 'calls a tool if the request has any', scenario: { kind: 'answer', variation: 'tool_call' }, rate: 0 },
  {
    name: 'length',
    description: 'stops for length after a few tokens',
    scenario: { kind: 'answer', variation: 'length' },
    rate: 0.006,
  },
  { name: 'no_usage', description: 'answers without saying usage', scenario: { kind: 'answer', variation: 'no_usage' }, rate: 0 },
  { name: 'slow', description: 'ten times the latency', scenario: { kind: 'answer', variation: 'slow' }, rate: 0.004 },
  { name: '400', description: 'invalid request', scenario: { kind: 'status', status: 400 }, rate: 0.003 },
  { name: '401', description: 'invalid credentials', scenario: { kind: 'status', status: 401 }, rate: 0.001 },
  { name: '403', description: 'not permitted', scenario: { kind: 'status', status: 403 }, rate: 0 },
  { name: '404', description: 'no such model', scenario: { kind: 'status', status: 404 }, rate: 0 },
  { name: '429', description: 'rate limited, with retry-after', scenario: { kind: 'status', status: 429 }, rate: 0.015 },
  { name: '500', description: "the provider's own failure", scenario: { kind: 'status', status: 500 }, rate: 0.006 },
  { name: '503', description: 'the provider is overloaded', scenario: { kind: 'status', status: 503 }, rate: 0.002 },
  {
    name: '529',
    description: "the provider is overloaded, Anthropic's own status",
    scenario: { kind: 'status', status: 529 },
    rate: 0.008,
    onlyDialect: 'anthropic',
  },
  {
    name: 'malformed_body',
    description: 'a 200 whose JSON ends early; in a stream, one event of broken JSON',
    scenario: { kind: 'break', how: 'malformed_body' },
    rate: 0.001,
  },
  {
    name: 'in_stream_error',
    description: "the dialect's error event halfway through a stream; a 500 where nothing streams",
    scenario: { kind: 'break', how: 'in_stream_error' },
    rate: 0.004,
  },
  {
    name: 'cut_stream',
    description: 'the connection is closed halfway through the body',
    scenario: { kind: 'break', how: 'cut_stream' },
    rate: 0.004,
  },
  { name: 'reset', description: 'the connection is closed before any answer', scenario: { kind: 'break', how: 'reset' }, rate: 0.001 },
  {
    name: 'stall',
    description: 'headers and the first part, then silence for a minute, then the connection is closed',
    scenario: { kind: 'break', how: 'stall' },
    rate: 0,
  },
];

const BY_NAME: ReadonlyMap<string, Scenario> = new Map(SCENARIOS.map((entry) => [entry.name, entry.scenario]));
const ORDINARY: Scenario = { kind: 'answer', variation: 'none' };

/** The scenario of a call, or the names there are when the header asks for an unknown one. */
export function chooseScenario(
  header: string | undefined,
  model: string,
  dialect: string,
  errors: boolean,
  random: Random,
): Scenario | { readonly kind: 'unknown'; readonly problem: string } {
  if (header !== undefined) {
    const named = BY_NAME.get(header);
    return named ?? { kind: 'unknown', problem: `${SCENARIO_HEADER}: want one of ${[...BY_NAME.keys()].join(', ')}` };
  }
  const byModel = model.startsWith(SCENARIO_MODEL_PREFIX) ? BY_NAME.get(model.slice(SCENARIO_MODEL_PREFIX.length)) : undefined;
  if (byModel !== undefined) return byModel;
  if (!errors) return ORDINARY;
  let draw = random.next();
  for (const entry of SCENARIOS) {
    if (entry.onlyDialect !== undefined && entry.onlyDialect !== dialect) continue;
    draw -= entry.rate;
    if (draw < 0) return entry.scenario;
  }
  return ORDINARY;
}
