/**
 * The proxy's part of the settings: the upstream table, built-in entries and the user's merged,
 * base URLs taken apart once so that a call only fills in its path segments.
 */
import type { ConfigFault, Settings } from '../contract/config.ts';
import { DIALECTS, UPSTREAMS } from './providers/index.ts';
import type { Upstream } from './providers/provider.ts';

export type UpstreamTable = ReadonlyMap<string, Upstream>;

/** First path segments that the routing by shape needs for itself. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['v1', 'v1beta', 'model']);
const PLACEHOLDER = /\{([^}]*)\}/g;

/** For loadSettings: every fault of the upstream table that the file's shape does not show. */
export function checkUpstreams(settings: Settings): ConfigFault[] {
  return mergeUpstreams(settings).faults;
}

/** The upstream table of valid settings (checkUpstreams found no fault). */
export function upstreamTable(settings: Settings): UpstreamTable {
  return mergeUpstreams(settings).table;
}

function mergeUpstreams(settings: Settings): { table: Map<string, Upstream>; faults: ConfigFault[] } {
  const table = new Map<string, Upstream>(Object.entries(UPSTREAMS).map(([name, upstream]) => [name, atMockPort(upstream, settings)]));
  const faults: ConfigFault[] = [];
  for (const [name, entry] of Object.entries(settings.upstreams)) {
    const at = `upstreams.${name}`;
    const builtIn = table.get(name);
    if (RESERVED_NAMES.has(name))
      faults.push({ at, problem: `is reserved for paths without an upstream; choose a name other than ${[...RESERVED_NAMES].join(', ')}` });
    const dialect = entry.dialect === undefined ? (builtIn?.dialect ?? DIALECTS['openai']) : ownEntry(DIALECTS, entry.dialect);
    if (dialect === undefined)
      faults.push({
        at: `${at}.dialect`,
        problem: `${JSON.stringify(entry.dialect)} is no dialect; accepted: ${Object.keys(DIALECTS).join(', ')}`,
      });
    const baseUrl = entry.baseUrl ?? builtIn?.baseUrl;
    if (baseUrl === undefined)
      faults.push({ at: `${at}.baseUrl`, problem: `missing: ${name} is not built in (built in are ${Object.keys(UPSTREAMS).join(', ')})` });
    else faults.push(...baseUrlFaults(`${at}.baseUrl`, baseUrl));
    if (dialect && baseUrl !== undefined) {
      const exceptions = entry.baseUrl === undefined ? builtIn?.exceptions : undefined;
      const provider = entry.provider ?? builtIn?.provider ?? name;
      table.set(name, {
        name,
        dialect,
        baseUrl: baseUrl.replace(/\/+$/, ''),
        provider,
        ...(exceptions && { exceptions }),
        ...(entry.propagate !== undefined && entry.propagate !== 'forward' && { propagate: entry.propagate }),
        ...keyHeaderOf(entry.apiKeyHeader ?? builtIn?.keyHeader),
        ...(builtIn?.saysUsage && { saysUsage: true }),
      });
    }
  }
  if (!table.has(settings.defaultUpstream))
    faults.push({
      at: 'defaultUpstream',
      problem: `${JSON.stringify(settings.defaultUpstream)} is no upstream; known: ${[...table.keys()].join(', ')}`,
    });
  for (const [origin, name] of Object.entries(settings.targets))
    if (!table.has(name))
      faults.push({ at: `targets.${origin}`, problem: `${JSON.stringify(name)} is no upstream; known: ${[...table.keys()].join(', ')}` });
  return { table, faults };
}

/** The upstreams of `glassway demo` follow the port that the settings give its mock provider. */
function atMockPort(upstream: Upstream, settings: Settings): Upstream {
  if (!upstream.name.startsWith('demo-')) return upstream;
  const url = new URL(upstream.baseUrl);
  url.port = String(settings.listen.mockProvider);
  return { ...upstream, baseUrl: url.href };
}

function baseUrlFaults(at: string, baseUrl: string): ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const [, name = ''] of baseUrl.matchAll(PLACEHOLDER))
    if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name))
      faults.push({ at, problem: `placeholder {${name}} is not valid; want a letter, then letters and digits, as {region}` });
  const url = URL.parse(baseUrl.replace(PLACEHOLDER, 'x'));
  if (url === null) faults.push({ at, problem: `${JSON.stringify(baseUrl)} is no URL` });
  else {
    if (url.search !== '' || url.hash !== '')
      faults.push({ at, problem: 'has a query string or a fragment; want scheme, host and path only' });
    if (url.username !== '' || url.password !== '') faults.push({ at, problem: 'has credentials; the caller sends its own' });
  }
  return faults;
}

function keyHeaderOf(name: string | undefined): { keyHeader?: string } {
  return name === undefined ? {} : { keyHeader: name.toLowerCase() };
}

/** Names come from the user's file: `constructor` is none. */
function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
