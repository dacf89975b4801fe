/**
 * The user's own patterns, compiled by re2js: RE2's algorithms in JavaScript, so that no pattern can take more than
 * linear time, whatever it is and whatever it meets. JavaScript's own engine backtracks; `re2` needs a compiler at
 * installation; `re2-wasm` is no longer kept. Loaded only where somebody has patterns.
 */
import { createRequire } from 'node:module';
import type { ConfigFault, Settings } from '../../contract/config.ts';
import type { RedactSettings } from '../../contract/privacy-settings.ts';
import type { Span } from './spans.ts';

type Patterns = RedactSettings['patterns'];
type Re2 = typeof import('re2js');

const load = (): Re2 => createRequire(import.meta.url)('re2js') as Re2;

/** @throws Error that says what is wrong with the pattern */
export function compilePatterns(patterns: Patterns): (text: string) => Span[] {
  if (patterns.length === 0) return () => [];
  const { RE2JS } = load();
  const compiled = patterns.map(({ name, pattern, ignoreCase }) => ({
    label: name,
    regex: RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0),
  }));
  return (text) => {
    const spans: Span[] = [];
    for (const { label, regex } of compiled) {
      const matcher = regex.matcher(text);
      while (matcher.find()) if (matcher.end() > matcher.start()) spans.push({ start: matcher.start(), end: matcher.end(), label });
    }
    return spans;
  };
}

/** For loadSettings: every pattern that does not compile. */
export function checkPatterns(settings: Settings): ConfigFault[] {
  const places: (readonly [string, Patterns | undefined])[] = [
    ['redact.patterns', settings.redact.patterns],
    ...Object.entries(settings.projects).map(([name, project]) => [`projects.${name}.redact.patterns`, project.redact?.patterns] as const),
  ];
  return places.flatMap(([at, patterns]) =>
    (patterns ?? []).flatMap((pattern, index) => {
      try {
        compilePatterns([pattern]);
        return [];
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return [{ at: `${at}.${index}.pattern`, problem: `${reason}; want RE2's syntax (no look-around, no back-references)` }];
      }
    }),
  );
}
