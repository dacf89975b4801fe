/**
 * A provider that says back the credential that it was shown, one whose shape nobody knows: in a body, in a stream, in pieces,
 * in an error. It is stored in no mode, whether Glassway holds it or the caller sent it.
 */

import type { KeyRing } from '../../../contract/key-ring.ts';
import { checkKey, createKey, keyTable } from '../../../contract/keys.ts';
import { upstreamTable } from '../../../proxy/config.ts';
import { readProviderKeys } from '../../../proxy/provider-keys.ts';
import { settingsFrom, startTestProxy, type TestProxy } from '../../kit/proxy.ts';
import { type HttpUpstream, startUpstream } from '../../kit/upstream.ts';

const HELD = 'violet/harbour+kettle-of_the.north';
const SENT = 'our.gateway/token-4711+winter';
const MODES = ['metadata', 'redacted', 'full'] as const;
const made = MODES.map((project) => createKey({ use: 'calls', name: '', project, expires_at: undefined }, new Date()));
const table = keyTable(made.map(({ entry }) => entry));
const keys: KeyRing = {
  check: (text, use) => checkKey(table, text, use, Date.now()),
  find: () => undefined,
  count: () => made.length,
  close: () => {},
};

const sse = (events: readonly unknown[]): string => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
const delta = (content: string): unknown => ({ model: 'm', choices: [{ index: 0, delta: { content } }] });
type Echo = readonly [what: string, status: number, type: string, body: (secret: string) => string];
const ECHOES: readonly Echo[] = [
  ['an answer', 200, 'application/json', (secret) => JSON.stringify({ choices: [{ message: { content: `It is ${secret}.` } }] })],
  ['JSON with escaped slashes', 200, 'application/json', (secret) => `{"said":"${secret.replaceAll('/', '\\/')}"}`],
  [
    'an error',
    401,
    'application/json',
    (secret) => JSON.stringify({ error: { type: 'auth', message: `Incorrect API key provided: ${secret}` } }),
  ],
  ['an error’s type', 401, 'application/json', (secret) => JSON.stringify({ error: { type: secret, message: 'Unauthorized' } })],
  ['an error in a stream', 200, 'text/event-stream', (secret) => sse([{ error: { type: 'auth', message: `bad key ${secret}` } }])],
  ['text', 500, 'text/plain', (secret) => `rejected ${secret} at 12:00`],
  ['a URL', 200, 'application/json', (secret) => JSON.stringify({ next: `https://x.example/?key=${encodeURIComponent(secret)}&page=2` })],
  ['a stream', 200, 'text/event-stream', (secret) => sse([delta('It is '), delta(secret), delta('.')])],
];
/** Only redaction puts a stream's pieces together. */
const IN_PIECES: Echo = [
  'the pieces of a stream',
  200,
  'text/event-stream',
  (secret) => sse([delta(`It is ${secret.slice(0, 12)}`), delta(secret.slice(12, 20)), delta(`${secret.slice(20)}.`)]),
];

let upstream: HttpUpstream;
let proxy: TestProxy;
let echo: Echo;
beforeAll(async () => {
  upstream = await startUpstream((res, seen) => {
    const [, status, type, body] = echo;
    const at = seen.rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization');
    res.writeHead(status, { 'content-type': type }).end(body((seen.rawHeaders[at + 1] ?? '').replace('Bearer ', '')));
  });
  const upstreams = { openai: { baseUrl: upstream.origin, apiKey: { env: 'HELD' } } };
  const settings = settingsFrom({ upstreams });
  proxy = await startTestProxy(
    { openai: upstream.origin },
    // No class asked for takes secrets out.
    { projects: { redacted: { capture: 'redacted', redact: { classes: ['email'] } }, full: { capture: 'full' } } },
    { keys, providerKeys: readProviderKeys(settings, upstreamTable(settings), { HELD }) },
  );
});
afterAll(async () => {
  await proxy?.close();
  await upstream?.close();
});

/** By the key that Glassway holds, and by one of their own. */
const callersOf = (mode: number): readonly { readonly secret: string; readonly headers: Readonly<Record<string, string>> }[] => [
  { secret: HELD, headers: { 'x-glassway-key': made[mode]?.key ?? '' } },
  { secret: SENT, headers: { authorization: `Bearer ${SENT}` } },
];
let calls = 0;

describe.each(MODES)('in %s', (project) => {
  const rows = [...ECHOES, ...(project === 'redacted' ? [IN_PIECES] : [])];
  test.each(rows.map((row) => [row[0], row] as const))('%s says back the key that it was shown', async (_what, row) => {
    echo = row;
    const [, , , body] = row;
    const callers = callersOf(MODES.indexOf(project));
    for (const { secret, headers } of callers) {
      const answer = await fetch(`${proxy.origin}/openai/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-glassway-project': project, ...headers },
        body: '{"model":"m","stream":true}',
      });
      expect(await answer.text()).toBe(body(secret)); // the call itself is not touched
    }
    calls += callers.length;
    const records = (await proxy.records(calls)).slice(-callers.length);
    for (const record of records) {
      for (const piece of callers.flatMap(({ secret }) => secret.split(/[/+]/))) expect(JSON.stringify(record)).not.toContain(piece);
      if (project !== 'metadata') expect(record.bodies?.response).toContain('[redacted:secret]');
    }
  });
});
