/** Every place where a running Glassway may have written something, with what stands there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from '../files.ts';
import type { RunningGlassway } from '../glassway.ts';

export interface Place {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What everything below a folder holds, file by file. */
export function placesBelow(dir: string): Place[] {
  return [...filesBelow(dir)].map(({ path, bytes }) => ({ name: `file ${path.slice(dir.length + 1)}`, bytes }));
}

const TABLES = `SELECT database, name FROM system.tables WHERE database = 'glassway' OR (database = 'system'
  AND (name LIKE '%\\_log%' OR name IN ('mutations', 'errors', 'parts', 'processes', 'query_cache', 'asynchronous_inserts', 'text_log')))`;

/** Every table of Glassway's, and what the engine writes down about itself. */
export async function tables(glassway: RunningGlassway): Promise<Place[]> {
  const password = readFileSync(join(glassway.dataDir, 'clickhouse', 'writer-password'), 'utf8').trim();
  const ask = async (sql: string): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${glassway.ports.clickhouseHttp}/?default_format=JSONEachRow`, {
      method: 'POST',
      headers: { 'x-clickhouse-user': 'glassway_ingest', 'x-clickhouse-key': password },
      body: sql,
    });
    return answer.text();
  };
  const found = (await ask(TABLES))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { database: string; name: string });
  const places: Place[] = [];
  for (const { database, name } of found)
    places.push({ name: `table ${database}.${name}`, bytes: Buffer.from(await ask(`SELECT * FROM ${database}.${name}`)) });
  return places;
}

const API = ['status', 'unpriced', 'calls?limit=500', 'histogram', 'values?of=error_type', 'sessions', 'loss', 'boards'];
const CALLS_MAX = 120;

/** What console and operators are told. */
export async function pages(glassway: RunningGlassway): Promise<Place[]> {
  const { consoleUrl, ports } = glassway;
  const calls = await glassway.query(`SELECT id FROM calls ORDER BY outcome != 'ok' DESC, id LIMIT ${CALLS_MAX}`);
  const urls = [
    ...API.map((path) => `${consoleUrl}/api/${path}`),
    `${consoleUrl}/metrics`,
    `http://127.0.0.1:${ports.proxyAdmin}/metrics`,
    `http://127.0.0.1:${ports.proxyAdmin}/readyz`,
    ...calls.map(({ id }) => `${consoleUrl}/api/calls/${encodeURIComponent(String(id))}`),
  ];
  const places: Place[] = [];
  for (const url of urls) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`);
    places.push({
      name: `page ${new URL(url).port === String(ports.proxyAdmin) ? 'admin ' : ''}${new URL(url).pathname}`,
      bytes: Buffer.from(await answer.arrayBuffer()),
    });
  }
  return places;
}
