/** Lists what an Express application serves, routers inside it included, for tests that must not miss a route. */
import type { Server } from 'node:http';

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
  readonly handle: { readonly stack?: readonly Layer[] };
  readonly slash: boolean;
  match(path: string): boolean;
}

/** Where routers are mounted; one that is elsewhere makes routesOf throw. */
const MOUNTS = ['/api', '/login', '/v1'];

/** `app.all` names every method that there is. */
const METHODS_NAMED_MAX = 10;

/** `GET /api/calls/:id` and the like; `ALL` where every method is served. */
export function routesOf(app: unknown, prefix = ''): string[] {
  const { stack } = (app as { router?: { stack: readonly Layer[] } }).router ?? (app as { stack: readonly Layer[] });
  return stack.flatMap((layer) => {
    if (layer.route) {
      const { path, methods } = layer.route;
      const named = Object.keys(methods).map((name) => name.toUpperCase());
      const names = methods['_all'] || named.length > METHODS_NAMED_MAX ? ['ALL'] : named;
      return names.map((name) => `${name} ${prefix}${path}`);
    }
    if (layer.handle.stack === undefined) return [];
    const mount = layer.slash ? '' : MOUNTS.find((candidate) => layer.match(candidate));
    if (mount === undefined) throw new Error('a router is mounted where routesOf does not look: add the place to MOUNTS');
    return routesOf(layer.handle, `${prefix}${mount}`);
  });
}

export function appOf(server: Server): unknown {
  return server.listeners('request')[0];
}
