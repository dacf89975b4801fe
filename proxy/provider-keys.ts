/**
 * The providers' keys that Glassway itself holds: read once at start from where the settings say (a variable, a file),
 * made ready as the header that carries each. They live in the proxy's memory and in requests to their own upstream.
 */
import { readFileSync } from 'node:fs';
import { ConfigError, type ConfigFault, type Settings } from '../contract/config.ts';
import type { UpstreamTable } from './config.ts';

/** One raw header for the provider, in place of the caller's credentials. */
export interface CredentialHeader {
  readonly name: string;
  readonly value: string;
}

/** By the upstream's name. */
export type ProviderKeys = ReadonlyMap<string, CredentialHeader>;

/** @throws ConfigError that names each key that cannot be had */
export function readProviderKeys(settings: Settings, upstreams: UpstreamTable, env: NodeJS.ProcessEnv): ProviderKeys {
  const keys = new Map<string, CredentialHeader>();
  const faults: ConfigFault[] = [];
  for (const [name, { apiKey }] of Object.entries(settings.upstreams)) {
    const upstream = upstreams.get(name);
    if (apiKey === undefined || upstream === undefined) continue;
    const found = 'env' in apiKey ? fromVariable(apiKey.env, env) : fromFile(apiKey.file);
    if ('problem' in found) {
      faults.push({ at: `upstreams.${name}.apiKey`, problem: found.problem });
      continue;
    }
    const header = upstream.keyHeader ?? upstream.dialect.keyHeader ?? 'authorization';
    keys.set(name, { name: header, value: header === 'authorization' ? `Bearer ${found.key}` : found.key });
  }
  if (faults.length > 0) throw new ConfigError('The configuration of the proxy', faults);
  return keys;
}

type Found = { readonly key: string } | { readonly problem: string };

function fromVariable(name: string, env: NodeJS.ProcessEnv): Found {
  return checked(env[name] ?? '', `the variable ${name}`);
}

function fromFile(path: string): Found {
  try {
    return checked(readFileSync(path, 'utf8').trim(), `the file ${path}`);
  } catch (error) {
    return { problem: `the file ${path} cannot be read (${(error as NodeJS.ErrnoException).code})` };
  }
}

function checked(key: string, where: string): Found {
  if (key === '') return { problem: `${where} is not set or empty; want the provider's key` };
  return /^[\x21-\x7e]+$/.test(key)
    ? { key }
    : { problem: `what ${where} holds is no key: want printable ASCII characters without spaces` };
}
