/**
 * A fault of ours as it may be logged: what kind it is and where it happened. Its message may quote what was being
 * read (JSON.parse does, so does URL), so that only words that are surely no caller's stay of it.
 */
import { keptMessage } from './kept-message.ts';

const FRAMES_MAX = 12;

export function faultText(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`;
  const code = 'code' in error && typeof error.code === 'string' && /^\w{1,64}$/.test(error.code) ? ` ${error.code}` : '';
  // A message may have lines that look like frames: what is one ends in a file's place.
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^ {4}at [\w.<>#$ [\]]{0,120}\(?(?:node:|file:\/\/|\/)[^\s()]+:\d+:\d+\)?$/.test(line));
  return [`${error.name}${code}: ${keptMessage(error.message)}`, ...frames.slice(0, FRAMES_MAX)].join('\n');
}
