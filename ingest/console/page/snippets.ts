/**
 * Copyable first calls. Takes Glassway's address, a project's name and whether keys are asked for; gives a client's text,
 * with the lines marked that Glassway adds or changes. A name is written as each language writes a string, whatever is in it.
 */
import type { Client } from './snippet-table.ts';

export type ValueStyle = 'shell' | 'js' | 'python' | 'go' | 'java' | 'csharp' | 'ruby' | 'php' | 'toml';

export interface SnippetLine {
  readonly text: string;
  readonly changed: boolean;
}

export interface SnippetFacts {
  readonly proxyUrl: string;
  readonly project: string;
  /** Glassway asks callers for a key of their own. */
  readonly needsKey: boolean;
}

/** The variable that snippets read a caller's own key from. */
export const KEY_VARIABLE = 'GLASSWAY_KEY';
const PROJECT_HEADER = 'x-glassway-project';
const KEY_HEADER = 'x-glassway-key';

interface Style {
  /** A string of this language, quotes included; in a shell the inside of double quotes. */
  readonly text: (text: string) => string;
  readonly variable: string;
}

const doubleQuoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
const singleQuoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;

const STYLES: Readonly<Record<ValueStyle, Style>> = {
  shell: { text: (text) => text.replace(/["\\$`]/g, '\\$&'), variable: `$${KEY_VARIABLE}` },
  js: { text: singleQuoted, variable: `process.env.${KEY_VARIABLE}` },
  python: { text: doubleQuoted, variable: `os.environ["${KEY_VARIABLE}"]` },
  go: { text: doubleQuoted, variable: `os.Getenv("${KEY_VARIABLE}")` },
  java: { text: doubleQuoted, variable: `System.getenv("${KEY_VARIABLE}")` },
  csharp: { text: doubleQuoted, variable: `Environment.GetEnvironmentVariable("${KEY_VARIABLE}")!` },
  ruby: { text: (text) => doubleQuoted(text).replaceAll('#', '\\#'), variable: `ENV["${KEY_VARIABLE}"]` },
  php: { text: singleQuoted, variable: `getenv('${KEY_VARIABLE}')` },
  toml: { text: doubleQuoted, variable: '"<your key>"' },
};

export function makeSnippet(client: Client, facts: SnippetFacts): SnippetLine[] {
  const style = STYLES[client.style];
  const headers = [[PROJECT_HEADER, style.text(facts.project)], ...(facts.needsKey ? [[KEY_HEADER, style.variable]] : [])] as const;
  const lines = client.text.split('\n').flatMap((line) => {
    const mark = line[0] === '+' || line[0] === '?' ? line[0] : '';
    if (mark === '?' && !facts.needsKey) return [];
    const text = line.slice(mark.length).replaceAll('URL/', () => `${facts.proxyUrl}/`);
    const changed = mark !== '';
    if (text.includes('HEADER_LINES'))
      return { text: text.replace('HEADER_LINES', () => headers.map(([name, value]) => `${name}: ${value}`).join('\n')), changed };
    if (!text.includes('NAME')) return { text, changed };
    return headers.map(([name, value]) => ({ text: text.replace('NAME', () => name ?? '').replace('VALUE', () => value ?? ''), changed }));
  });
  // What only a key needs may leave an empty line at the top.
  return lines[0]?.text === '' ? lines.slice(1) : lines;
}
