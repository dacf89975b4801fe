/**
 * The built-in console: one page and the API it reads through, as an Express router for the ingest
 * server. Takes a ClickHouse client of a read-only user; never writes, never loads anything from elsewhere.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import express, { type RequestHandler, type Router } from 'express';
import { createLog, type Log } from '../../contract/log.ts';
import type { Access } from '../access.ts';
import type { Pricer } from '../price.ts';
import { createApi } from './api.ts';
import { loadAssets, serveAsset } from './assets.ts';
import { type Boards, loadBoards } from './boards.ts';
import { createGuard } from './guard.ts';
import { createLogin, sameSiteOnly } from './login.ts';
import { createRead, createReadColumns, createReadLines } from './read.ts';

export interface ConsoleDeps {
  /** Connected to `database`, of a user that may only read it, and may set limits (readonly = 2). */
  readonly reader: ClickHouseClient;
  readonly database: string;
  readonly version: string;
  /** Where applications reach the proxy: `http://127.0.0.1:4700`. */
  readonly proxyUrl: string;
  /** Callers must show a key of their own. */
  readonly needsKey?: boolean;
  /** Host names, besides localhost, IP addresses and the proxy's, under which the console is opened. */
  readonly hosts?: readonly string[];
  /** Missing: those of dashboards/json. */
  readonly boards?: Boards;
  /** The prices in use, to explain costs with. */
  readonly pricer?: Pricer;
  /** Where the APM shows a trace: `https://apm.example/trace/{trace_id}`. */
  readonly traceUrl?: string | undefined;
  readonly log?: Log;
  /** Who may read; missing: everybody. */
  readonly access?: Pick<Access, 'console' | 'sessions'>;
}

const changesFromHereOnly: RequestHandler = (request, response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') next();
  else sameSiteOnly(request, response, next);
};

/** To be mounted at `/`, after the server's own routes: it owns `/`, `/page`, `/vendor`, `/api` and the way to sign in. */
export function createConsole(deps: ConsoleDeps): Router {
  const { reader, database, version, hosts = [], boards = loadBoards(), pricer, traceUrl, log = createLog('ingest') } = deps;
  const router = express.Router();
  const guard = createGuard([new URL(deps.proxyUrl).hostname, ...hosts]);
  const before = deps.access === undefined ? [guard] : [guard, deps.access.console];
  if (deps.access?.sessions !== undefined) router.use(['/login', '/login.css', '/logout'], guard);
  if (deps.access?.sessions !== undefined) router.use(createLogin(deps.access.sessions));
  for (const [path, asset] of loadAssets()) router.get(path, ...before, (request, response) => serveAsset(asset, request, response));
  router.use(
    '/api',
    ...before,
    changesFromHereOnly,
    createApi({
      read: createRead(reader, database),
      readColumns: createReadColumns(reader, database),
      readLines: createReadLines(reader, database),
      boards,
      version,
      needsKey: deps.needsKey ?? false,
      proxyUrl: deps.proxyUrl.replace(/\/$/, ''),
      pricer,
      traceUrl,
      log,
    }),
  );
  return router;
}
