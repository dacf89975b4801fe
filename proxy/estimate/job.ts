/**
 * What a missing token count is made from, and the counting itself. A job is plain data, so that it can go to
 * the counting thread; it lives in memory only and is gone once counted. Pure; the tokenizer is handed in.
 */
import { parseJson } from '../framing/json.ts';
import { fields, text } from '../providers/values.ts';
import { answerTexts } from './texts.ts';

/** Text that was kept, and how much of it there was. */
export interface TextSample {
  readonly texts: readonly string[];
  /** Tokens besides those of the texts. */
  readonly tokens: number;
  /** Of the kept bytes: what all of them were, 1 where everything was kept. */
  readonly scale: number;
}

/** A stream's events as they came, for the counting thread to parse. */
export interface EventSample {
  readonly events: readonly string[];
  /** The fields of an event that hold text. */
  readonly names: readonly string[];
  readonly scale: number;
}

export interface CountJob {
  readonly model: string;
  /** Null: the provider has said it, or it cannot be known. */
  readonly input: TextSample | null;
  readonly output: TextSample | EventSample | null;
  readonly bytes: number;
}

export interface TokenCounts {
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
}

export type CountTokens = (text: string) => number;

/** A byte-pair merge takes quadratic time in the length of a run without spaces: 1.2 s for 20,000 Chinese characters. */
const PIECE_CHARS_MAX = 1_024;

export function countJob(job: CountJob, count: CountTokens): TokenCounts {
  const { input, output } = job;
  const answer = output === null ? null : 'events' in output ? readEvents(output) : output;
  return { input_tokens: countSample(input, count), output_tokens: countSample(answer, count) };
}

function countSample(sample: TextSample | null, count: CountTokens): number | null {
  if (sample === null) return null;
  let tokens = 0;
  for (const whole of sample.texts) for (const piece of pieces(whole)) tokens += count(piece);
  return Math.round(tokens * sample.scale) + sample.tokens;
}

/** Null when a part of the answer is no text. */
function readEvents({ events, names, scale }: EventSample): TextSample | null {
  const found = { texts: [] as string[], tokens: 0, unseen: false };
  for (const event of events) {
    let body = parseJson(event);
    // Bedrock's InvokeModel wraps each event of the model's own stream in base64.
    const wrapped = text(fields(body)['bytes']);
    if (wrapped !== '') body = parseJson(Buffer.from(wrapped, 'base64').toString('utf8'));
    answerTexts(body, names, found);
  }
  // A word comes in pieces that make more tokens apart than together.
  return found.unseen ? null : { texts: [found.texts.join('')], tokens: found.tokens, scale };
}

/** Cuts before a space where there is one, where most tokens begin; else between two characters. */
function* pieces(whole: string): Generator<string> {
  let at = 0;
  while (whole.length - at > PIECE_CHARS_MAX) {
    const space = whole.lastIndexOf(' ', at + PIECE_CHARS_MAX);
    let end = space > at ? space : at + PIECE_CHARS_MAX;
    const code = whole.charCodeAt(end);
    if (code >= 0xdc00 && code <= 0xdfff) end -= 1;
    yield whole.slice(at, end);
    at = end;
  }
  if (at < whole.length) yield whole.slice(at);
}
