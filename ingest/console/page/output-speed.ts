/** How fast one call's answer was written, in tokens a second. Takes what is known of a call; undefined where that says nothing. Pure. */
import type { CallRow } from '../../../contract/record.ts';

type Timed = Pick<CallRow, 'stream' | 'output_tokens' | 'reasoning_tokens' | 'ttft_ms' | 'answer_ttft_ms' | 'duration_ms'>;

/** An answer that came within less came in one piece: the provider had written it before. */
const WRITING_MS_MIN = 10;

/** Reasoning comes before the answer's first token, seen or not: neither its tokens nor its time count. The first token is where time begins. */
export function outputSpeed({ stream, output_tokens, reasoning_tokens, ttft_ms, answer_ttft_ms, duration_ms }: Timed): number | undefined {
  const first_ms = answer_ttft_ms ?? ttft_ms;
  if (!stream || output_tokens === null || first_ms === null || duration_ms === null) return undefined;
  const tokens = output_tokens - (reasoning_tokens ?? 0) - 1;
  const writing_ms = duration_ms - first_ms;
  return tokens < 1 || writing_ms < WRITING_MS_MIN ? undefined : (tokens / writing_ms) * 1000;
}
