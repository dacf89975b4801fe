/**
 * How a command reaches ClickHouse as the writer: the server of the settings, or the embedded one that `glassway up` runs on
 * this data folder. Takes settings and folder; gives the login. Never asks for the password, and never shows it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../contract/config.ts';
import { StartError } from '../contract/listen.ts';
import { READER_USERNAME, systemErrorCode, WRITER_USERNAME } from '../ingest/clickhouse/files.ts';
import type { ClickHouseLogin } from '../ingest/config.ts';

/** @throws StartError when there is neither */
export function writerLogin(settings: Settings, dataDir: string): ClickHouseLogin {
  const { url, username, password } = settings.clickhouse;
  if (url !== undefined) return { url, username, password };
  return {
    url: `http://127.0.0.1:${settings.listen.clickhouseHttp}`,
    username: WRITER_USERNAME,
    password: writerPassword(dataDir),
  };
}

/** The user that the console reads with. */
export function readerLogin(settings: Settings, writer: ClickHouseLogin): ClickHouseLogin {
  const { url, readUsername, readPassword } = settings.clickhouse;
  if (url === undefined) return { url: writer.url, username: READER_USERNAME, password: '' };
  return readUsername === undefined ? writer : { url, username: readUsername, password: readPassword };
}

function writerPassword(dataDir: string): string {
  const file = join(dataDir, 'clickhouse', 'writer-password');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new StartError(
      `There is no Glassway data in ${dataDir} (${systemErrorCode(error)}). Say where with --data DIR, or set CLICKHOUSE_URL.`,
      { cause: error },
    );
  }
}
