/**
 * The image's HEALTHCHECK: asks `/healthz` of what process 1 is, by its command line: proxy, ingest, or both for `up`. Exits
 * 0 when all of it lives. Whether it is ready is for load balancers (`/readyz`); a restart would mend nothing.
 */
import { readFileSync } from 'node:fs';
import { loadSettings } from '../contract/config.ts';

const ASK_MS_MAX = 3_000;

const parts = new Set(readFileSync('/proc/1/cmdline', 'utf8').split('\0').slice(2));
const config = [...parts].find((_, at, list) => list[at - 1] === '--config');
const { listen, access } = loadSettings({ file: config ?? process.env['GLASSWAY_CONFIG'], env: process.env });
// Names of this machine are what a guarded port answers to, whatever it listens on.
const urls = [
  ...(parts.has('ingest') ? [] : [`http://127.0.0.1:${listen.proxyAdmin}/healthz`]),
  ...(parts.has('proxy') ? [] : [`${access.tls === undefined ? 'http' : 'https'}://127.0.0.1:${listen.ingest}/healthz`]),
];
// The certificate names the front's host, not this address.
if (access.tls !== undefined) process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';

for (const url of urls) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_MS_MAX) }).catch((error: unknown) => String(error));
  if (typeof answer !== 'string' && answer.ok) continue;
  process.stderr.write(`${url}: ${typeof answer === 'string' ? answer : answer.status}\n`);
  process.exitCode = 1;
}
