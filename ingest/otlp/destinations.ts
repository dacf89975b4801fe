/**
 * Which project's spans go where: the settings' entries, and OpenTelemetry's variables for every project that is in none.
 * A project has exactly one destination or none; what an entry says of headers stands for itself, so that no key of one
 * tenant's is sent to another's endpoint. Throws a ConfigError with every fault.
 */
import { ConfigError, type ConfigFault } from '../../contract/config.ts';
import type { Target } from '../../contract/otlp/sender.ts';
import { type Environment, environmentProtocol, isDisabled } from '../../contract/otlp/variables.ts';
import type { OtlpEntry } from '../../contract/otlp-settings.ts';

/** Part of the calls, as the ledger remembers it: a project with an entry of its own, or all that have none. */
export type RouteName = string;
export const DEFAULT_ROUTE: RouteName = 'default';
const PROJECT_PREFIX = 'project:';

export interface Destination {
  /** For people: the endpoint's host, or where the variables point. */
  readonly name: string;
  readonly target: Target;
  /** Missing: every project that no other destination has. */
  readonly projects?: readonly string[];
}

export function destinationsOf(entries: readonly OtlpEntry[], env: Environment): Destination[] {
  const faults: ConfigFault[] = [];
  const destinations = isDisabled(env)
    ? []
    : entries.map((entry, index): Destination => {
        const headers = Object.fromEntries(
          Object.entries(entry.headers).map(([name, value]) => [name, expand(value, env, `otlp.${index}.headers.${name}`, faults)]),
        );
        return { name: new URL(entry.endpoint).host, target: { ...entry, headers }, projects: entry.projects };
      });
  const environment = environmentProtocol(env, 'TRACES', (fault) => faults.push(fault));
  if (environment !== undefined) destinations.push({ name: DEFAULT_ROUTE, target: { environment } });
  if (faults.length > 0) throw new ConfigError('The trace export', faults);
  return destinations;
}

/** `${NAME}` is that variable's value, so that a key need not stand in the file. */
function expand(text: string, env: Environment, at: string, faults: ConfigFault[]): string {
  return text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_whole, name: string) => {
    const value = env[name];
    if (value === undefined || value === '') faults.push({ at, problem: `the variable ${name} is not set` });
    return value ?? '';
  });
}

export interface Routing {
  /** The part of the calls that a project's are in. */
  routeOf(project: string): RouteName;
  /** The condition on table `calls` for a part, with its parameters. */
  condition(route: RouteName): { readonly sql: string; readonly params: Readonly<Record<string, unknown>> };
}

export function createRouting(destinations: readonly Destination[]): Routing {
  const routed = new Map(
    destinations.flatMap(({ projects = [] }) => projects.map((project) => [project, PROJECT_PREFIX + project] as const)),
  );
  return {
    routeOf: (project) => routed.get(project) ?? DEFAULT_ROUTE,
    condition: (route) =>
      route === DEFAULT_ROUTE
        ? { sql: 'project NOT IN {routed:Array(String)}', params: { routed: [...routed.keys()] } }
        : { sql: 'project = {project:String}', params: { project: route.slice(PROJECT_PREFIX.length) } },
  };
}

/** The routes that a destination serves. */
export function routesOf({ projects }: Destination): RouteName[] {
  return projects === undefined ? [DEFAULT_ROUTE] : projects.map((project) => PROJECT_PREFIX + project);
}
