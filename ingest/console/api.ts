/**
 * The console's query API: `GET /status`, `/unpriced`, `/boards…`, `/calls`, `/calls/:id`, `/histogram`, `/values`,
 * `/sessions`, `/session`, `/export/…`, `/loss`.
 * Takes checked parameters, answers JSON shaped as in api-types.ts; every failure is JSON too, with a
 * message that says what to do. Reads only, and stops reading when the browser goes away.
 */
import express, { type Request, type Response, type Router } from 'express';
import type { Log } from '../../contract/log.ts';
import { tellCost } from '../cost-story.ts';
import { LOSS_GRACE_SECONDS, LOSS_WINDOW_SECONDS, readLoss } from '../loss.ts';
import type { Pricer } from '../price.ts';
import type { CallAnswer, ErrorAnswer, LossAnswer, StatusAnswer } from './api-types.ts';
import { type Answer, boardRoutes } from './board-api.ts';
import type { Boards } from './boards.ts';
import { readCall, readCalls, readHistogram, readValues, type ValuesOf } from './calls-query.ts';
import { EXPORTS, type ExportName, exportOf, sendExport } from './export.ts';
import { FILTER_NAMES } from './filters.ts';
import { CALLS_LISTING, parseCursor, SESSIONS_LISTING } from './order.ts';
import { BadParameter, Params, storedTime } from './params.ts';
import { readHistory, readUnpriced } from './queries.ts';
import { type Read, type ReadColumns, ReadError, type ReadLines } from './read.ts';
import { readCallSession, readSession, readSessions } from './sessions-query.ts';
import type { Scope } from './source.ts';

const CALLS_PAGE = 100;
const CALLS_PAGE_MAX = 500;
const VALUES_SHOWN = 20;
const VALUES_MAX = 200;
const VALUES_OF = [...FILTER_NAMES, 'tag'] as const;

export interface ApiDeps {
  readonly read: Read;
  readonly readColumns: ReadColumns;
  readonly boards: Boards;
  readonly readLines: ReadLines;
  readonly version: string;
  readonly proxyUrl: string;
  readonly needsKey: boolean;
  /** The prices in use, to explain costs with. */
  readonly pricer: Pricer | undefined;
  /** Where the APM shows a trace, with `{trace_id}` in it. */
  readonly traceUrl: string | undefined;
  readonly log: Log;
}

export function createApi(deps: ApiDeps): Router {
  const { read } = deps;
  const scope = (params: Params, signal: AbortSignal): Scope => ({
    read,
    signal,
    range: params.timeRange(Date.now()),
    filter: params.callFilter(),
  });

  const routes: Readonly<Record<string, Answer>> = {
    ...boardRoutes(deps.boards, deps.readColumns),
    '/status': async (params, signal): Promise<StatusAnswer> => {
      params.done();
      return { version: deps.version, proxy_url: deps.proxyUrl, needs_key: deps.needsKey, ...(await readHistory(read, signal)) };
    },
    '/unpriced': async (params, signal) => {
      const wanted = scope(params, signal);
      params.done();
      return await readUnpriced(wanted);
    },
    '/calls': async (params, signal) => {
      const wanted = scope(params, signal);
      const order = params.order(CALLS_LISTING);
      const limit = params.integer('limit', 1, CALLS_PAGE_MAX, CALLS_PAGE);
      const cursor = params.one('cursor');
      params.done();
      return await readCalls(wanted, order, limit, cursor === undefined ? undefined : parseCursor('cursor', cursor, order));
    },
    '/histogram': async (params, signal) => {
      const wanted = scope(params, signal);
      params.done();
      return await readHistogram(wanted);
    },
    '/values': async (params, signal) => {
      const wanted = scope(params, signal);
      const field = params.choice('of', VALUES_OF, 'project');
      const tag = params.text('tag_name');
      const containing = params.text('containing');
      const limit = params.integer('limit', 1, VALUES_MAX, VALUES_SHOWN);
      params.done();
      const of: ValuesOf = field === 'tag' ? { tag } : { filter: field };
      return await readValues(wanted, of, containing, limit);
    },
    '/calls/:id': async (params, signal, request) => {
      const at = params.one('at');
      params.done();
      const startedAt = at === undefined ? undefined : storedTime(at);
      if (at !== undefined && startedAt === undefined)
        throw new BadParameter('at', at, "the call's started_at as the list gives it: 2026-01-31T12:00:00.123456Z");
      const found = await readCall(read, signal, String(request.params['id']), startedAt);
      if (!found) throw new ReadError(404, 'not_found', 'No call has this id. It may have passed its retention, or not have arrived yet.');
      return {
        ...found,
        price: deps.pricer === undefined ? null : tellCost(deps.pricer, found.call),
        session: await readCallSession(read, signal, found.call),
        trace_url: traceLink(deps.traceUrl, found.call),
      } satisfies CallAnswer;
    },
    '/sessions': async (params, signal) => {
      const wanted = scope(params, signal);
      const order = params.order(SESSIONS_LISTING);
      const limit = params.integer('limit', 1, CALLS_PAGE_MAX, CALLS_PAGE);
      const cursor = params.one('cursor');
      params.done();
      return await readSessions(wanted, order, limit, cursor === undefined ? undefined : parseCursor('cursor', cursor, order));
    },
    '/session': async (params, signal) => {
      const project = params.one('project') ?? '';
      const session = params.one('session') ?? '';
      params.done();
      if (session === '') throw new BadParameter('session', session, "a session's id, and project its project");
      const answer = await readSession(read, signal, project, session);
      if (answer) return answer;
      throw new ReadError(
        404,
        'not_found',
        'No call of this project is in a session of this name. Its calls may have passed their retention.',
      );
    },
    '/loss': async (params, signal): Promise<LossAnswer> => {
      const grace_seconds = params.integer('grace_seconds', 0, LOSS_WINDOW_SECONDS, LOSS_GRACE_SECONDS);
      params.done();
      return { ...(await readLoss(read, signal, grace_seconds)), window_seconds: LOSS_WINDOW_SECONDS, grace_seconds };
    },
  };

  const router = express.Router();
  for (const [path, answer] of Object.entries(routes))
    router.get(path, (request, response) => respond(deps.log, request, response, answer));
  for (const name of Object.keys(EXPORTS) as ExportName[])
    router.get(`/export/${name}`, (request, response) =>
      attempt(deps.log, request, response, async (signal) => {
        const params = new Params(request.url);
        const wanted = exportOf(name, params, scope(params, signal));
        params.done();
        await sendExport(deps.readLines, wanted, response);
      }),
    );
  router.use((request: Request, response: Response) => {
    const reading = request.method === 'GET' || request.method === 'HEAD';
    const message = reading ? `There is no ${request.baseUrl}${request.path}.` : 'This API only reads: use GET.';
    send(response, reading ? 404 : 405, { error: { code: 'not_found', message } });
  });
  return router;
}

function respond(log: Log, request: Request, response: Response, answer: Answer): Promise<void> {
  return attempt(log, request, response, async (signal) => {
    send(response, 200, await answer(new Params(request.url), signal, request));
  });
}

/** Whatever is asked of ClickHouse ends with `signal` when the browser goes away. */
async function attempt(log: Log, request: Request, response: Response, act: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    await act(gone.signal);
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

/** The ids are hexadecimal in every row that Glassway writes; encoded all the same. */
function traceLink(template: string | undefined, call: CallAnswer['call']): string | null {
  if (template === undefined || call.trace_id === '') return null;
  return template
    .replaceAll('{trace_id}', () => encodeURIComponent(call.trace_id))
    .replaceAll('{span_id}', () => encodeURIComponent(call.span_id));
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} ${error.cause.message}` : (error.stack ?? error.message);
}

function send(response: Response, status: number, body: object): void {
  response.status(status).set('cache-control', 'no-store').json(body);
}
