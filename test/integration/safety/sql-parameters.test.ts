/**
 * What a browser sends never becomes SQL text: every question of the console's API, with something hostile in every
 * parameter that it knows, asked with a client that only keeps what it would have sent to ClickHouse.
 */
import { createServer, type Server } from 'node:http';
import type { ClickHouseClient } from '@clickhouse/client';
import express, { type Router } from 'express';
import { createConsole } from '../../../ingest/console/index.ts';
import { routesOf } from '../../kit/routes.ts';
import { closeServer, listenOnLoopback } from '../../kit/upstream.ts';

const MARK = 'marked4711';
const HOSTILE = [
  `x' OR 1=1 -- ${MARK}`,
  `\`${MARK}\``,
  `\\' ${MARK}`,
  `${MARK}`,
  `{${MARK}:Identifier}`,
  `1; DROP TABLE ${MARK}`,
  `="${MARK}"`,
];

interface Asked {
  readonly query: string;
  readonly query_params?: Record<string, unknown>;
}

let asked: Asked[] = [];
let server: Server;
let consoleRouter: Router;
let url: string;

beforeAll(async () => {
  const answer = { json: async () => [], text: async () => '', stream: () => [], close: () => {} };
  const reader = new Proxy({} as ClickHouseClient, {
    get: () => async (sent: Asked) => {
      asked.push(sent);
      return answer;
    },
  });
  consoleRouter = createConsole({ reader, database: 'glassway', version: '0', proxyUrl: 'http://127.0.0.1:1', log: () => {} });
  server = createServer(express().use(consoleRouter));
  url = `http://127.0.0.1:${await listenOnLoopback(server)}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await closeServer(server);
});

async function ask(path: string, search: Iterable<readonly [string, string]> = []): Promise<{ status: number; text: string }> {
  const query = new URLSearchParams([...search].map(([name, value]) => [name, value]));
  const answer = await fetch(`${url}${path}?${query}`);
  return { status: answer.status, text: await answer.text() };
}

/** The API says itself which parameters a question knows, when it is asked with one that it does not know. */
async function parametersOf(path: string): Promise<string[]> {
  const { text } = await ask(path, [['no-such-parameter', 'x']]);
  return (/a known parameter: ([^"]*?)\.?"/.exec(text)?.[1] ?? '').split(', ').filter((name) => /^[\w.-]+$/.test(name));
}

test('no value of any parameter, nor of a path, is in the text of any statement', async () => {
  const routes = routesOf(consoleRouter).filter((route) => route.startsWith('GET /api/'));
  expect(routes.length).toBeGreaterThan(5);
  let bound = 0;
  for (const route of routes) {
    const pattern = route.slice('GET '.length);
    const names = await parametersOf(pattern.replaceAll(/:\w+/g, 'x'));
    for (const hostile of HOSTILE) {
      asked = [];
      await ask(pattern.replaceAll(/:\w+/g, encodeURIComponent(hostile)));
      for (const name of names) await ask(pattern.replaceAll(/:\w+/g, encodeURIComponent(hostile)), [[name, hostile]]);
      for (const { query, query_params } of asked) {
        expect({ route, inText: query.includes(MARK) }).toEqual({ route, inText: false });
        if (JSON.stringify(query_params ?? {}).includes(MARK)) bound += 1;
      }
    }
  }
  // Otherwise this test would look at nothing.
  expect(bound).toBeGreaterThan(50);
});
