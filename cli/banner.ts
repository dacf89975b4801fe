/**
 * What `glassway up` says when it is ready: where to point an SDK, where to look, where the data lies,
 * what is not configured. Text only; the caller prints it.
 */
import { keysRequired } from '../contract/auth-settings.ts';
import type { Settings } from '../contract/config.ts';
import { isLoopback, reachableHost } from '../contract/listen.ts';

export interface BannerFacts {
  readonly version: string;
  readonly settings: Settings;
  readonly dataDir: string;
  readonly configFile: string | undefined;
  readonly startup_ms: number;
  readonly upstreamNames: readonly string[];
  /** Of the server in use; embedded or the configured one. */
  readonly clickhouse: { readonly url: string; readonly embedded: boolean; readonly reachable: boolean };
  /** Keys that are good now. */
  readonly keyCounts: { readonly calls: number; readonly console: number };
}

/** The SDKs that most people bring, and what each calls a base URL. */
const BASE_URLS: readonly (readonly [string, string])[] = [
  ['OpenAI', 'openai/v1'],
  ['Anthropic', 'anthropic'],
  ['Google Gemini', 'gemini'],
];
const SHOWN_ABOVE: ReadonlySet<string> = new Set(['openai', 'anthropic', 'gemini']);

export function banner(facts: BannerFacts): string {
  const { settings, clickhouse } = facts;
  const at = (port: number) => `http://${reachableHost(settings.listen.host)}:${port}`;
  const proxy = at(settings.listen.proxy);
  const row = (label: string, text: string) => `  ${label.padEnd(15)} ${text}`;
  const others = facts.upstreamNames.filter((name) => !SHOWN_ABOVE.has(name) && !name.startsWith('demo-'));
  const lines = [
    '',
    `  Glassway ${facts.version} is up after ${(facts.startup_ms / 1_000).toFixed(1)} s`,
    '',
    '  Point your SDK here and add the header  x-glassway-project: <your tag>',
    ...BASE_URLS.map(([label, path]) => row(label, `${proxy}/${path}`)),
    row('others', `${proxy}/<name>/…`),
    ...wrap(others, 80).map((line) => row('', line)),
    '',
    row('Console', at(settings.listen.ingest)),
    row(
      'ClickHouse',
      `${clickhouse.url}${clickhouse.embedded ? `  (embedded; user default, read-only; native port ${settings.listen.clickhouseNative})` : '  (yours)'}`,
    ),
    row('Metrics', `${at(settings.listen.proxyAdmin)}/metrics  ${at(settings.listen.ingest)}/metrics`),
    row('Data', facts.dataDir),
    '',
    ...notes(facts).map((note) => `  · ${note}`),
    '',
    '  No API key at hand? In another terminal:  npm run glassway -- demo',
    '  Ctrl-C stops everything.',
    '',
  ];
  return lines.join('\n');
}

/** What is not configured, and what should be known. */
function notes({ settings, configFile, clickhouse, keyCounts }: BannerFacts): string[] {
  const list: string[] = [];
  list.push(
    configFile === undefined ? 'No configuration file: defaults apply (glassway.yaml, or --config FILE).' : `Configuration: ${configFile}`,
  );
  const capturing = Object.entries(settings.projects).filter(([, project]) => project.capture !== 'metadata');
  list.push(
    capturing.length === 0
      ? 'No project captures bodies: metadata only.'
      : `Bodies are stored for: ${capturing.map(([name]) => name).join(', ')}.`,
  );
  list.push(`Calls are kept for ${settings.retention.calls}, bodies for ${settings.retention.bodies}.`);
  if (!clickhouse.reachable) list.push('ClickHouse does not answer yet: calls work, their records wait.');
  list.push(...accessNotes(settings, keyCounts));
  return list;
}

/** Who may come in, where that is not simply this machine. */
function accessNotes(settings: Settings, { calls, console }: BannerFacts['keyCounts']): string[] {
  const { host } = settings.listen;
  if (keysRequired(settings)) {
    const list = ['Keys are asked for: x-glassway-key on each call, a console key to sign in.'];
    if (calls === 0) list.push('No key for calls yet:  glassway keys create --project <name>   (holds at once, no restart)');
    if (console === 0) list.push('No key for the console yet:  glassway keys create --for console');
    return list;
  }
  if (isLoopback(host)) return [];
  return [`Warning: auth is none and ${host} is not loopback: whoever reaches it may send calls and read everything.`];
}

function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}
