/** What the proxy shows to ingest and whom it takes for ingest (`access.shipperTls`), read from its files once. */
import { readFileSync } from 'node:fs';
import type { Access } from './auth-settings.ts';
import { StartError } from './listen.ts';

export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @throws StartError that names the file which cannot be read */
export function readClientTls(tls: Access['shipperTls']): ClientTls {
  return {
    ...(tls?.caFile !== undefined && { ca: readPem(tls.caFile, 'access.shipperTls.caFile') }),
    ...(tls?.certFile !== undefined && { cert: readPem(tls.certFile, 'access.shipperTls.certFile') }),
    ...(tls?.keyFile !== undefined && { key: readPem(tls.keyFile, 'access.shipperTls.keyFile') }),
  };
}

export function readPem(path: string, setting: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(`${setting}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
}
