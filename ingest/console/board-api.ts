/**
 * The part of the query API that boards are drawn with: `/boards`, `/boards/:board`, a panel's rows and a
 * variable's values. The page names board, panel, query, variables and range; the SQL is the committed one.
 */
import type { Request } from 'express';
import type { Board, BoardsAnswer, PanelAnswer, VariableAnswer } from './board-types.ts';
import { type Boards, readChoices, statement } from './boards.ts';
import type { Params, TimeRange } from './params.ts';
import { type ReadColumns, ReadError } from './read.ts';

const POINTS = 200;
const POINTS_MIN = 10;
const POINTS_MAX = 2000;
const PERIODS_BACK_MAX = 1;
const FIRST_TARGET = 'A';

export type Answer = (params: Params, signal: AbortSignal, request: Request) => Promise<object>;

export function boardRoutes(boards: Boards, read: ReadColumns): Readonly<Record<string, Answer>> {
  const boardOf = (request: Request): Board => {
    const name = String(request.params['board']);
    return boards.get(name) ?? missing(`There is no board ${JSON.stringify(name)}; there are ${[...boards.keys()].join(', ')}.`);
  };
  return {
    '/boards': async (params): Promise<BoardsAnswer> => {
      params.done();
      return { boards: [...boards].map(([name, { uid, title, description }]) => ({ name, uid, title, description })) };
    },
    '/boards/:board': async (params, _signal, request): Promise<Board> => {
      params.done();
      return boardOf(request);
    },
    '/boards/:board/panels/:panel': async (params, signal, request): Promise<PanelAnswer> => {
      const board = boardOf(request);
      const panel = board.panels.find(({ id }) => String(id) === request.params['panel']);
      const refId = params.one('target') ?? FIRST_TARGET;
      const rawSql = panel?.targets?.find((target) => target.refId === refId)?.rawSql;
      if (panel === undefined || rawSql === undefined)
        return missing(`Board ${board.title} has no panel ${String(request.params['panel'])} with an SQL query ${refId}.`);
      const { sql, params: values, intervalMs, range } = ask(board, rawSql, params, panel.interval);
      return { ...period(range), interval_ms: intervalMs, columns: await read(sql, values, signal) };
    },
    '/boards/:board/variables/:variable': async (params, signal, request): Promise<VariableAnswer> => {
      const board = boardOf(request);
      const { query } = board.templating.list.find(({ name }) => name === request.params['variable']) ?? {};
      if (typeof query !== 'object')
        return missing(`Board ${board.title} has no variable ${String(request.params['variable'])} with an SQL query.`);
      const { sql, params: values, range } = ask(board, query.rawSql, params, undefined);
      const [column] = await read(sql, values, signal);
      return { ...period(range), values: (column?.values ?? []).map(String) };
    },
  };
}

function ask(
  board: Board,
  rawSql: string,
  params: Params,
  minInterval: string | undefined,
): ReturnType<typeof statement> & { range: TimeRange } {
  const range = earlier(params.timeRange(Date.now()), params.integer('periods_back', 0, PERIODS_BACK_MAX, 0));
  const variables = readChoices(board, params);
  const points = params.integer('points', POINTS_MIN, POINTS_MAX, POINTS);
  params.done();
  return { ...statement(rawSql, { range, variables, points, minInterval }), range };
}

/** The range of the same length that ended where so many others begin: what to compare with. */
function earlier({ fromMs, toMs }: TimeRange, periods: number): TimeRange {
  const shiftMs = (toMs - fromMs) * periods;
  return { fromMs: fromMs - shiftMs, toMs: toMs - shiftMs };
}

function missing(message: string): never {
  throw new ReadError(404, 'not_found', message);
}

function period({ fromMs, toMs }: TimeRange): { from: string; to: string } {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}
