/**
 * The console's query API: `GET /status`, `/overview`, `/series`, `/calls`, `/calls/:id`, `/facets`, `/loss`.
 * Takes checked parameters, answers JSON shaped as in api-types.ts; every failure is JSON too, with a
 * message that says what to do. Reads only, and stops reading when the browser goes away.
 */
import express, { type Request, type Response, type Router } from 'express';
import type { Log } from '../../contract/log.ts';
import { LOSS_GRACE_SECONDS, LOSS_WINDOW_SECONDS, readLoss } from '../loss.ts';
import type { CostSplit, ErrorAnswer, LossAnswer, StatusAnswer } from './api-types.ts';
import { type Answer, boardRoutes } from './board-api.ts';
import type { Boards } from './boards.ts';
import { BadParameter, Params, parseCursor, storedTime } from './params.ts';
import { readCall, readCalls, readFacets, readHistory, readOverview, readSeries, type Scope } from './queries.ts';
import { type Read, type ReadColumns, ReadError } from './read.ts';

const CALLS_PAGE = 100;
const CALLS_PAGE_MAX = 500;
const SPLITS: readonly CostSplit[] = ['project', 'model'];

export interface ApiDeps {
  readonly read: Read;
  readonly readColumns: ReadColumns;
  readonly boards: Boards;
  readonly version: string;
  readonly proxyUrl: string;
  readonly log: Log;
}

export function createApi(deps: ApiDeps): Router {
  const { read } = deps;
  const scope = (params: Params, signal: AbortSignal): Scope => ({
    read,
    signal,
    range: params.timeRange(Date.now()),
    filters: params.filters(),
  });

  const routes: Readonly<Record<string, Answer>> = {
    ...boardRoutes(deps.boards, deps.readColumns),
    '/status': async (params, signal): Promise<StatusAnswer> => {
      params.done();
      return { version: deps.version, proxy_url: deps.proxyUrl, ...(await readHistory(read, signal)) };
    },
    '/overview': async (params, signal) => {
      const wanted = scope(params, signal);
      params.done();
      return await readOverview(wanted);
    },
    '/series': async (params, signal) => {
      const wanted = scope(params, signal);
      const split = params.choice('split', SPLITS, 'project');
      params.done();
      return await readSeries(wanted, split);
    },
    '/calls': async (params, signal) => {
      const wanted = scope(params, signal);
      const limit = params.integer('limit', 1, CALLS_PAGE_MAX, CALLS_PAGE);
      const before = params.one('before');
      params.done();
      return await readCalls(wanted, limit, before === undefined ? undefined : parseCursor('before', before));
    },
    '/calls/:id': async (params, signal, request) => {
      const at = params.one('at');
      params.done();
      const startedAt = at === undefined ? undefined : storedTime(at);
      if (at !== undefined && startedAt === undefined)
        throw new BadParameter('at', at, "the call's started_at as the list gives it: 2026-01-31T12:00:00.123456Z");
      const answer = await readCall(read, signal, String(request.params['id']), startedAt);
      if (answer) return answer;
      throw new ReadError(404, 'not_found', 'No call has this id. It may have passed its retention, or not have arrived yet.');
    },
    '/loss': async (params, signal): Promise<LossAnswer> => {
      const grace_seconds = params.integer('grace_seconds', 0, LOSS_WINDOW_SECONDS, LOSS_GRACE_SECONDS);
      params.done();
      return { ...(await readLoss(read, signal, grace_seconds)), window_seconds: LOSS_WINDOW_SECONDS, grace_seconds };
    },
    '/facets': async (params, signal) => {
      const wanted = scope(params, signal);
      params.done();
      return await readFacets(wanted);
    },
  };

  const router = express.Router();
  for (const [path, answer] of Object.entries(routes))
    router.get(path, (request, response) => respond(deps.log, request, response, answer));
  router.use((request: Request, response: Response) => {
    const reading = request.method === 'GET' || request.method === 'HEAD';
    const message = reading ? `There is no ${request.baseUrl}${request.path}.` : 'This API only reads: use GET.';
    send(response, reading ? 404 : 405, { error: { code: 'not_found', message } });
  });
  return router;
}

async function respond(log: Log, request: Request, response: Response, answer: Answer): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    send(response, 200, await answer(new Params(request.url), gone.signal, request));
  } catch (error) {
    if (gone.signal.aborted) return;
    const [status, body] = describe(error);
    if (body.error.code === 'internal') log('error', `console: ${request.path}: ${reason(error)}`);
    send(response, status, body);
  }
}

function describe(error: unknown): [status: number, body: ErrorAnswer] {
  if (error instanceof BadParameter) return [400, { error: { code: 'bad_parameter', message: error.message } }];
  if (error instanceof ReadError) return [error.status, { error: { code: error.code, message: error.message } }];
  return [500, { error: { code: 'internal', message: 'The console failed on this request; its server has the details.' } }];
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} ${error.cause.message}` : (error.stack ?? error.message);
}

function send(response: Response, status: number, body: object): void {
  response.status(status).set('cache-control', 'no-store').json(body);
}
