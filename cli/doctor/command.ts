/**
 * `glassway doctor`: asks every part of a deployment how it is, and says of each finding what to do. Takes settings and
 * where the parts are; prints lines or JSON; gives the exit code: 0 unless something fails. Changes nothing but for the one
 * test call, which becomes a row of project glassway-doctor.
 */
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { Settings } from '../../contract/config.ts';
import { reachableHost } from '../../contract/listen.ts';
import { errorText } from '../../ingest/error-text.ts';
import { readerLogin, writerLogin } from '../writer-login.ts';
import { checkDeduplication, checkDisk, checkRetention, checkRights, checkSchema, checkServer } from './clickhouse.ts';
import { type Check, type Finding, fail, type Patient, type Status } from './finding.ts';
import { checkCall, checkIngest, checkJournalDisk, checkPrices, checkProxy } from './parts.ts';

export interface DoctorArguments {
  readonly json?: boolean;
  readonly proxyUrl?: string;
  readonly adminUrl?: string;
  readonly ingestUrl?: string;
  readonly key?: string;
  /** `--no-call`. */
  readonly call: boolean;
}

export interface DoctorCommand {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly version: string;
  readonly arguments: DoctorArguments;
  readonly out: NodeJS.WritableStream;
}

const REQUEST_MS_MAX = 10_000;
const MARKS: Readonly<Record<Status, string>> = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL', skip: 'skip' };

const OF_CLICKHOUSE: readonly Check[] = [
  checkSchema,
  checkDeduplication,
  checkRetention,
  checkRights,
  checkDisk,
  (patient) => checkPrices(patient),
];

export async function runDoctor(command: DoctorCommand): Promise<number> {
  const findings = await examine(command);
  const { out } = command;
  if (command.arguments.json === true) out.write(`${JSON.stringify({ version: command.version, findings }, null, 2)}\n`);
  else for (const finding of findings) out.write(lineOf(finding));
  const failed = findings.filter(({ status }) => status === 'fail').length;
  if (command.arguments.json !== true) out.write(failed === 0 ? '\nNothing fails.\n' : `\n${failed} of ${findings.length} checks fail.\n`);
  return failed === 0 ? 0 : 1;
}

async function examine({ settings, dataDir, version, arguments: given }: DoctorCommand): Promise<Finding[]> {
  const login = writerLogin(settings, dataDir);
  const connect = (who: typeof login) =>
    createClient({ ...who, application: 'glassway-doctor', request_timeout: REQUEST_MS_MAX, log: { level: ClickHouseLogLevel.OFF } });
  const [writer, reader] = [connect(login), connect(readerLogin(settings, login))];
  const { listen } = settings;
  const at = (port: number, scheme = 'http') => `${scheme}://${reachableHost(listen.host)}:${port}`;
  const patient: Patient = {
    settings,
    dataDir,
    version,
    writer,
    reader,
    urls: {
      proxy: given.proxyUrl ?? at(listen.proxy),
      admin: given.adminUrl ?? at(listen.proxyAdmin),
      ingest: given.ingestUrl ?? settings.ingestUrl ?? at(listen.ingest, settings.access.tls === undefined ? 'http' : 'https'),
    },
    key: given.key,
  };
  const run = (check: Check) =>
    check(patient).catch((error: unknown) => [
      fail(check.name.replace('check', '').toLowerCase(), errorText(error), 'The message says what is missing.'),
    ]);
  try {
    const findings: Finding[] = [];
    const server = await checkServer(patient).catch((error: unknown) => [
      fail(
        'clickhouse',
        `${login.url} does not answer: ${errorText(error)}`,
        'Start it, and check clickhouse.url, username and password (CLICKHOUSE_URL, …).',
      ),
    ]);
    findings.push(...server);
    const reachable = server.length > 1;
    if (reachable) for (const check of OF_CLICKHOUSE) findings.push(...(await run(check)));
    for (const check of [checkIngest, checkProxy, checkJournalDisk]) findings.push(...(await run(check)));
    if (given.call && reachable && findings.every(({ check, status }) => check !== 'proxy' || status === 'ok'))
      findings.push(...(await run(checkCall)));
    return findings;
  } finally {
    await Promise.all([writer.close(), reader.close()]);
  }
}

function lineOf({ check, status, message, mend }: Finding): string {
  return `  ${MARKS[status]}  ${check.padEnd(20)} ${message}\n${mend === undefined ? '' : `${' '.repeat(29)}→ ${mend}\n`}`;
}
