/**
 * Where a call goes: takes the request target, gives the upstream, its origin and the provider's own path,
 * every byte of which is the caller's. Throws a GatewayError that lists what would have been known.
 * A caller chooses among configured upstreams and fills their placeholders; nothing of a path can name a host.
 */
import { GatewayError } from '../contract/errors.ts';
import type { UpstreamTable } from './config.ts';
import { rawHeader } from './headers.ts';
import type { Upstream } from './providers/provider.ts';

export interface Route {
  readonly upstream: Upstream;
  /** Scheme, host and port. */
  readonly origin: string;
  /** The origin's host and port apart. */
  readonly host: string;
  readonly port: number;
  /** Request target for the provider: base path, path and query string. */
  readonly target: string;
  /** The provider's path without the query string, base path included. */
  readonly path: string;
  /** The part of it that comes after the base URL: what endpoints are recognized by. */
  readonly endpointPath: string;
  /** Raw, without the question mark. */
  readonly query: string;
}

/** Paths without an upstream's name go where their shape says; the first that fits counts. */
const SHAPES: readonly (readonly [RegExp, string | undefined])[] = [
  [/^\/v1\/messages(?:\/|$)/, 'anthropic'],
  [/^\/v1beta\/models\//, 'gemini'],
  [/^\/model\/[^/]+\/(?:converse|invoke)/, 'bedrock'],
  [/^\/v1\//, undefined], // the default upstream
];

/** `..` between slashes of any kind and spelling, once or twice encoded. */
const DOT_SEGMENT = /(?:[/\\]|%(?:25)?(?:2f|5c))(?:\.|%(?:25)?2e){2}(?=$|[/\\;?#]|%(?:25)?(?:2f|5c|3b))/i;
const PLACEHOLDER_VALUE = /^[A-Za-z0-9-]+$/;

export type RouteCall = (requestTarget: string, rawHeaders: readonly string[]) => Route;

/** Names where a call goes instead of the upstream's base URL; rivals' header of the same meaning counts too. */
const OWN_TARGET_HEADER = 'x-glassway-target-url';
const RIVAL_TARGET_HEADER = 'helicone-target-url';

export function createRouter(upstreams: UpstreamTable, defaultUpstream: string, targets: Readonly<Record<string, string>> = {}): RouteCall {
  const allowed = targetTable(upstreams, targets);
  const bases = new Map([...upstreams.values()].map((upstream) => [upstream.name, parseBase(upstream)]));
  const baseOf = (name: string): Base => {
    const base = bases.get(name);
    if (base === undefined)
      throw new GatewayError('unknown_upstream', `${JSON.stringify(name)} is not configured; known are ${[...bases.keys()].join(', ')}.`);
    return base;
  };
  return (requestTarget, rawHeaders) => {
    const target = originForm(requestTarget);
    const question = target.indexOf('?');
    const path = question < 0 ? target : target.slice(0, question);
    const query = question < 0 ? '' : target.slice(question + 1);
    const wanted = wantedTarget(rawHeaders, allowed);
    if (wanted) return build(wanted, [], path, query, question >= 0);
    const slash = path.indexOf('/', 1);
    const named = bases.get(path.slice(1, slash < 0 ? undefined : slash));
    if (named) return fillFromPath(named, slash < 0 ? '' : path.slice(slash), query, question >= 0);
    const shape = SHAPES.find(([pattern]) => pattern.test(path));
    if (shape === undefined) {
      const known = [...bases.keys()].join(', ');
      throw new GatewayError(
        'unknown_upstream',
        `${JSON.stringify(path.slice(0, 80))} starts with no upstream's name; want /<upstream>/<the provider's path> with one of ${known}.`,
      );
    }
    const base = baseOf(shape[1] ?? defaultUpstream);
    return build(
      base,
      base.placeholders.map((name) => impliedValue(base, name, rawHeaders)),
      path,
      query,
      question >= 0,
    );
  };
}

/** The allowed targets as upstreams of their own: their wire format is another's, their address is fixed. */
function targetTable(upstreams: UpstreamTable, targets: Readonly<Record<string, string>>): ReadonlyMap<string, Base> {
  const table = new Map<string, Base>();
  for (const [origin, name] of Object.entries(targets)) {
    const upstream = upstreams.get(name);
    if (upstream === undefined) continue; // checkUpstreams has said so
    // Under a name of its own: a key that Glassway holds for the upstream is not for this address.
    const { exceptions: _others, ...rest } = upstream;
    table.set(origin, parseBase({ ...rest, name: origin, baseUrl: origin }));
  }
  return table;
}

/**
 * The target that a header asks for, if one does: compared as it is written with those allowed, since two parsers may
 * read one URL differently. Without an allow-list our own header is refused; a rival's was not written for us.
 */
function wantedTarget(rawHeaders: readonly string[], allowed: ReadonlyMap<string, Base>): Base | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== OWN_TARGET_HEADER.length && name.length !== RIVAL_TARGET_HEADER.length) continue;
    const lower = name.toLowerCase();
    if (lower !== OWN_TARGET_HEADER && (lower !== RIVAL_TARGET_HEADER || allowed.size === 0)) continue;
    const wanted = rawHeaders[i + 1] as string;
    const base = allowed.get(wanted.replace(/\/$/, ''));
    if (base === undefined)
      throw new GatewayError('target_not_allowed', `${JSON.stringify(wanted.slice(0, 100))} is not one of targets in the settings.`);
    return base;
  }
  return undefined;
}

type Place = Pick<Route, 'origin' | 'host' | 'port'> & { readonly prefix: string };

/** A base URL taken apart: text between placeholders, origin and path apart. */
interface Base {
  readonly upstream: Upstream;
  readonly placeholders: readonly string[];
  readonly fill: (values: readonly string[]) => Place;
}

function parseBase(upstream: Upstream): Base {
  const placeholders = [...upstream.baseUrl.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] as string);
  const fill = (values: readonly string[]) => {
    let next = 0;
    const key = values.join('/');
    const exception = upstream.exceptions && Object.hasOwn(upstream.exceptions, key) ? upstream.exceptions[key] : undefined;
    const url = new URL(exception ?? upstream.baseUrl.replace(/\{[^}]*\}/g, () => values[next++] as string));
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
    return { origin: url.origin, host: url.hostname, port, prefix: url.pathname === '/' ? '' : url.pathname };
  };
  if (placeholders.length > 0) return { upstream, placeholders, fill };
  const fixed = fill([]);
  return { upstream, placeholders, fill: () => fixed };
}

function fillFromPath(base: Base, rest: string, query: string, hasQuery: boolean): Route {
  const values: string[] = [];
  let at = 0;
  for (const name of base.placeholders) {
    const end = rest.indexOf('/', at + 1);
    const value = rest.slice(at + 1, end < 0 ? undefined : end);
    if (!PLACEHOLDER_VALUE.test(value)) {
      const want = `/${base.upstream.name}/${base.placeholders.map((p) => `{${p}}`).join('/')}/…`;
      throw new GatewayError(
        'invalid_upstream_path',
        `${JSON.stringify(value.slice(0, 80))} is no {${name}}; want ${want} with letters, digits and dashes.`,
      );
    }
    values.push(value);
    at = end < 0 ? rest.length : end;
  }
  return build(base, values, rest.slice(at), query, hasQuery);
}

function build(base: Base, values: readonly string[], endpointPath: string, query: string, hasQuery: boolean): Route {
  const { origin, host, port, prefix } = base.fill(values);
  // Behind a base path a provider would take them for the way out of it.
  if (prefix !== '' && DOT_SEGMENT.test(endpointPath))
    throw new GatewayError('invalid_upstream_path', `The base URL of ${base.upstream.name} has a path, which no .. may leave.`);
  const path = `${prefix}${endpointPath}` || '/';
  const target = hasQuery ? `${path}?${query}` : path;
  return { upstream: base.upstream, origin, host, port, target, path, endpointPath: endpointPath || '/', query };
}

/** What a path without an upstream's name leaves open: for AWS, the region stands in the signature's scope or in the environment. */
function impliedValue(base: Base, placeholder: string, rawHeaders: readonly string[]): string {
  const scope = /Credential=[^/]+\/\d{8}\/([A-Za-z0-9-]+)\//.exec(rawHeader(rawHeaders, 'authorization'))?.[1];
  const value = placeholder === 'region' ? (scope ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION']) : undefined;
  if (value === undefined || !PLACEHOLDER_VALUE.test(value))
    throw new GatewayError('invalid_upstream_path', `The ${placeholder} is not known; want /${base.upstream.name}/{${placeholder}}/… .`);
  return value;
}

/** The same call without its `key` parameters: where the caller's was ours, and the provider's goes into a header. */
export function withoutQueryKey(route: Route): Route {
  const query = route.query
    .split('&')
    .filter((part) => !part.startsWith('key='))
    .join('&');
  return { ...route, query, target: query === '' ? route.path : `${route.path}?${query}` };
}

/** RFC 9112 §3.2.2: a server must accept the absolute form too. Only its path counts here. */
function originForm(requestTarget: string): string {
  if (requestTarget.startsWith('/')) return requestTarget;
  const match = /^https?:\/\/[^/?#]*(\/[^#]*)?/i.exec(requestTarget);
  return match ? (match[1] ?? '/') : requestTarget;
}
