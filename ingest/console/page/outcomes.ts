/** How calls end, in words for people. A table; keys are those of column `outcome` (contract/columns.ts). */

/** What a person should know of each outcome: a short name and how bad it is. */
export const OUTCOME_LABELS: Readonly<Record<string, { readonly label: string; readonly tone: string }>> = {
  ok: { label: 'ok', tone: 'ok' },
  client_error: { label: 'client error', tone: 'warn' },
  auth_error: { label: 'auth error', tone: 'auth' },
  rate_limited: { label: 'rate limited', tone: 'limit' },
  provider_error: { label: 'provider error', tone: 'bad' },
  timeout: { label: 'timeout', tone: 'late' },
  unreachable: { label: 'unreachable', tone: 'deep' },
  stream_error: { label: 'stream error', tone: 'stream' },
  stream_truncated: { label: 'stream cut', tone: 'cut' },
  client_abort: { label: 'client abort', tone: 'quiet' },
  gateway_error: { label: 'gateway error', tone: 'own' },
};

export function outcomeLabel(outcome: string): string {
  return OUTCOME_LABELS[outcome]?.label ?? outcome;
}
