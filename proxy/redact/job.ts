/**
 * What redaction is asked and what it answers: plain data, so that it can go to the redacting thread and back. Lives
 * in memory only and is gone once answered. Pure.
 */
import type { RedactSettings } from '../../contract/privacy-settings.ts';
import { type KeptBody, redactBody } from './body.ts';
import { createFinder, type Finder } from './find.ts';
import { withoutSpans } from './spans.ts';

export interface RedactJob {
  readonly request: KeptBody;
  readonly response: KeptBody;
  /** The provider's own words, which may quote the caller's. */
  readonly errorMessage: string;
  /** The call's own credentials, to go whatever their shape. */
  readonly secrets: readonly string[];
  readonly settings: Pick<RedactSettings, 'classes' | 'patterns'>;
  /** Of each body, once decoded. */
  readonly bodyBytesMax: number;
  readonly bytes: number;
}

export interface RedactAnswer {
  readonly request: string;
  readonly response: string;
  readonly errorMessage: string;
}

/** Answers jobs; keeps what it has compiled, for each of a few settings. */
export function createRedaction(): (job: RedactJob) => RedactAnswer {
  const finders = new Map<string, Finder>();
  return ({ request, response, errorMessage, secrets, settings, bodyBytesMax }) => {
    const key = JSON.stringify(settings);
    const finder = finders.get(key) ?? createFinder(settings);
    finders.set(key, finder);
    finder.know(secrets);
    try {
      return {
        request: redactBody(request, finder, bodyBytesMax),
        response: redactBody(response, finder, bodyBytesMax),
        errorMessage: withoutSpans(errorMessage, finder.find(errorMessage)),
      };
    } finally {
      finder.forget();
    }
  };
}
