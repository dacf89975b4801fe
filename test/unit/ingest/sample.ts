/** A valid record to start from: a priced OpenAI chat call. */
import { CALL_COLUMNS, unknownValue } from '../../../contract/columns.ts';
import { type CallRecord, parseRecord, RECORD_VERSION } from '../../../contract/record.ts';

const SAMPLE: Record<string, unknown> = {
  v: RECORD_VERSION,
  id: '0198c0de-0000-7000-8000-000000000001',
  project: 'checkout',
  started_at: '2026-10-05 12:34:56.789012',
  upstream: 'openai',
  provider: 'openai',
  operation: 'chat',
  method: 'POST',
  path: '/v1/chat/completions',
  request_model: 'gpt-4o',
  response_model: 'gpt-4o-2024-08-06',
  stream: false,
  status: 200,
  outcome: 'ok',
  finish_reason: 'stop',
  input_tokens: 1000,
  output_tokens: 100,
  usage_source: 'provider',
  usage_raw: '{"prompt_tokens":1000,"completion_tokens":100}',
  duration_ms: 812.5,
  ttfb_ms: 400.25,
  overhead_ms: 0.5,
  request_bytes: 2048,
  response_bytes: 1024,
  tags: { team: 'pay' },
  proxy_id: 'proxy-1',
  seq: 1,
};

/** The sample with some fields replaced. */
export function sampleRecord(changes: Partial<CallRecord> = {}): CallRecord {
  const value: Record<string, unknown> = {};
  for (const { name, type, from } of CALL_COLUMNS) if (from === 'proxy') value[name] = unknownValue(type);
  const parsed = parseRecord({ ...value, ...SAMPLE, ...changes });
  if ('reason' in parsed) throw new Error(parsed.reason);
  return parsed.record;
}
