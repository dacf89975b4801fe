/** The checks that ask the parts of Glassway: whether proxy and ingest are there, their versions and clocks, the journal's disk, prices, a call. */
import { randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../../contract/config.ts';
import { errorText } from '../../ingest/error-text.ts';
import { skew, spaceFinding } from './clickhouse.ts';
import { type Check, type Finding, fail, ok, type Patient, rows, skip, warn } from './finding.ts';

const ASK_MS_MAX = 5_000;
const ROW_WAIT_MS = 20_000;
const PRICES_DAYS_MAX = 90;
const DAY_MS = 86_400_000;
const PROJECT = 'glassway-doctor';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  /** By the answer's Date, which has whole seconds. */
  readonly skew_ms: number;
}

async function ask(url: string): Promise<Answer> {
  const began_ms = Date.now();
  const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_MS_MAX) });
  const body: unknown = await answer.json().catch(() => ({}));
  const date = Date.parse(answer.headers.get('date') ?? '');
  const skew_ms = Number.isNaN(date) ? 0 : date + 500 - (began_ms + Date.now()) / 2;
  return { status: answer.status, body: (body ?? {}) as Record<string, unknown>, skew_ms };
}

export const checkProxy: Check = async ({ urls, version }) => {
  const mend = 'Start it (`glassway proxy`), or say where its operators’ port is: --admin-url.';
  try {
    const health = await ask(`${urls.admin}/healthz`);
    const ready = await ask(`${urls.admin}/readyz`);
    const theirs = String(health.body['version'] ?? 'unknown');
    const journal = ready.body['journal'] as { ok?: boolean; fault?: string } | undefined;
    return [
      ready.status === 200
        ? ok('proxy', `${urls.admin}, version ${theirs}`)
        : fail('proxy', `${urls.admin} takes no calls (status ${ready.status})`, 'It is stopping, or cannot start; its log says why.'),
      ...(theirs === version
        ? []
        : [warn('proxy version', `${theirs}; this is ${version}`, 'Side by side is fine during an upgrade; finish it.')]),
      ...(journal?.ok === false
        ? [fail('journal', `${journal.fault}`, 'Mend the disk or its rights: until then records are in memory only.')]
        : []),
      skew('proxy clock', health.skew_ms),
    ];
  } catch (error) {
    return [fail('proxy', `${urls.admin} does not answer: ${errorText(error)}`, mend)];
  }
};

export const checkIngest: Check = async ({ urls }) => {
  try {
    const ready = await ask(`${urls.ingest}/readyz`);
    if (ready.status === 200) return [ok('ingest', urls.ingest), skew('ingest clock', ready.skew_ms)];
    return [
      fail(
        'ingest',
        `${urls.ingest} is not ready: ${ready.body['reason'] ?? 'its log says why'}`,
        'Calls go on and wait in the journals; mend what it names.',
      ),
    ];
  } catch (error) {
    return [
      fail(
        'ingest',
        `${urls.ingest} does not answer: ${errorText(error)}`,
        'Start it (`glassway ingest`), or say where it is: --ingest-url.',
      ),
    ];
  }
};

export const checkJournalDisk: Check = async ({ settings, dataDir }) => {
  const folder = settings.journal.dir ?? join(dataDir, 'journal');
  try {
    const disk = statfsSync(folder);
    const free = disk.bavail * disk.bsize;
    const findings: Finding[] = [spaceFinding('journal disk', free, disk.blocks * disk.bsize)];
    if (free < settings.journal.bytesMax)
      findings.push(
        warn(
          'journal size',
          `journal.bytesMax is ${settings.journal.bytesMax} and only ${free} bytes are free`,
          'Lower journal.bytesMax or add disk: a full disk loses the newest records, a full journal the oldest.',
        ),
      );
    return findings;
  } catch {
    return [
      skip('journal disk', `there is no ${folder} on this machine`, 'Run doctor where the proxy runs, with its --data, to see its disk.'),
    ];
  }
};

export const checkPrices = async ({ settings, reader }: Patient, now = new Date()): Promise<Finding[]> => {
  const { url, file } = settings.priceCatalogue;
  if (url !== undefined || file !== undefined) return [ok('prices', `newer list prices from ${url ?? file}`)];
  const [unpriced] = await rows<{ calls: number; share: number }>(
    reader,
    `SELECT toFloat64(countIf(cost_source = 'none' AND usage_source != 'none')) AS calls, calls / greatest(count(), 1) AS share
     FROM {database:Identifier}.calls WHERE started_at > now() - INTERVAL 7 DAY`,
    { database: settings.clickhouse.database },
  );
  const days = Math.floor((now.getTime() - Date.parse(PRICES_OF.published)) / DAY_MS);
  const mend = 'Upgrade Glassway, or set priceCatalogue.url to a newer list: new models have no price, changed prices an old one.';
  const findings = [
    days > PRICES_DAYS_MAX
      ? warn('prices', `the list prices of this release are ${days} days old`, mend)
      : ok('prices', `those of this release, ${days} days old`),
  ];
  if (unpriced !== undefined && unpriced.calls > 0)
    findings.push(
      warn(
        'not priced',
        `${unpriced.calls} calls of the last 7 days have tokens and no price`,
        'The console lists their models; name prices in `prices`.',
      ),
    );
  return findings;
};

/** When the pinned @pydantic/genai-prices was published, which the package does not say: to be moved with the pin. */
export const PRICES_OF = { version: '0.1.8', published: '2026-09-23' };

/**
 * A call that costs nothing: with a key that no provider knows, for a model that none has. Whatever becomes of it, it must
 * be a row.
 */
export const checkCall: Check = async (patient) => {
  const { urls, settings, key } = patient;
  const id = `doctor-${randomUUID()}`;
  let answer: Response;
  try {
    answer = await fetch(`${urls.proxy}/${settings.defaultUpstream}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer glassway-doctor',
        'x-glassway-project': PROJECT,
        'x-glassway-request-id': id,
        ...(key === undefined ? {} : { 'x-glassway-key': key }),
      },
      body: JSON.stringify({ model: 'glassway-doctor', messages: [{ role: 'user', content: 'Are you there?' }] }),
      signal: AbortSignal.timeout(ROW_WAIT_MS),
    });
    await answer.arrayBuffer();
  } catch (error) {
    return [fail('a call', `${urls.proxy} does not take it: ${errorText(error)}`, 'Start the proxy, or say where it is: --proxy-url.')];
  }
  const refusal = answer.headers.get('x-glassway-error') ?? '';
  if (refusal.startsWith('key_'))
    return [skip('a call', 'the proxy asks for a key', `Make one (glassway keys create --project ${PROJECT}) and give it with --key.`)];
  const row = await waitForRow(patient, id, settings);
  if (row === undefined)
    return [
      fail(
        'a call',
        `call ${id} was answered with ${answer.status} and is no row after ${ROW_WAIT_MS / 1_000} s`,
        'See /readyz and /metrics of the proxy (queue_records) and ingest’s log: ingestUrl, access.ingestSecret, ClickHouse.',
      ),
    ];
  const findings = [ok('a call', `answered with ${answer.status}, a row after ${(row.lag_ms / 1_000).toFixed(1)} s`)];
  if (row.outcome === 'unreachable')
    findings.push(
      warn(
        'provider',
        `${settings.defaultUpstream} cannot be reached from the proxy`,
        'Open the way out (DNS, firewall, proxy server) for the machine that the proxy runs on.',
      ),
    );
  return findings;
};

async function waitForRow({ reader }: Patient, id: string, settings: Settings): Promise<{ outcome: string; lag_ms: number } | undefined> {
  const began_ms = Date.now();
  while (Date.now() - began_ms < ROW_WAIT_MS) {
    const [row] = await rows<{ outcome: string }>(
      reader,
      'SELECT outcome FROM {database:Identifier}.calls WHERE project = {project:String} AND id = {id:String} AND started_at > now() - INTERVAL 1 HOUR',
      { database: settings.clickhouse.database, project: PROJECT, id },
    ).catch(() => []);
    if (row !== undefined) return { outcome: row.outcome, lag_ms: Date.now() - began_ms };
    await sleep(100);
  }
  return undefined;
}
