/**
 * The settings that say who may come in: `auth` (whether keys are asked for at all) and `access` (where they lie, who
 * else is known, TLS of ingest). Shapes and checks only, and the one decision that both sides must take alike.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { isLoopback } from './listen.ts';

/**
 * `auto`: open on loopback, keys on any other address; `required`: keys everywhere; `none`: open everywhere, on the
 * word of whoever wrote it.
 */
export const Auth = z.enum(['auto', 'required', 'none']).default('auto');
export type Auth = z.infer<typeof Auth>;

const SECRET_CHARS_MIN = 32;
const HOST_NAME = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/;
const hostName = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine((text) => HOST_NAME.test(text), 'a host name without scheme and port: glassway.internal');
const webUrl = (accepted: string) => z.string().refine((text) => isWebOrigin(text), accepted);
const secret = z
  .string()
  .refine(
    (text) => text.length >= SECRET_CHARS_MIN && /^[\x21-\x7e]+$/.test(text),
    `at least ${SECRET_CHARS_MIN} printable ASCII characters: openssl rand -hex 32`,
  );

export const Access = z
  .strictObject({
    /** Hashes of the keys, written by `glassway keys`, read anew when it changes. Missing: `keys.json` in the data folder. */
    keysFile: z.string().min(1).optional(),
    /** Names, besides localhost and addresses, under which the console (and on loopback the proxy) is opened. */
    hosts: z.array(hostName).max(100).default([]),
    /** Web pages, besides those of this machine, whose scripts may call a proxy that asks for no key. */
    origins: z.array(webUrl('an origin: https://app.example')).max(100).default([]),
    /** Where people open the console, if a front with TLS stands before it. */
    consoleUrl: webUrl('scheme and host of the console: https://glassway.example').optional(),
    /** What proxies and ingest know each other by. `glassway up` makes one in the data folder. */
    ingestSecret: secret.optional(),
    /** Signs the console's sessions: the same for all ingests behind one name. Missing: made at start. */
    sessionSecret: secret.optional(),
    sessionHours: z.int().min(1).max(720).default(12),
    /** TLS of ingest and console; with `ca`, batches are taken from proxies with a certificate of that authority only. */
    tls: z.strictObject({ certFile: z.string().min(1), keyFile: z.string().min(1), caFile: z.string().min(1).optional() }).optional(),
    /** What the proxy shows to ingest, and whom it believes to be ingest. */
    shipperTls: z
      .strictObject({
        certFile: z.string().min(1).optional(),
        keyFile: z.string().min(1).optional(),
        caFile: z.string().min(1).optional(),
      })
      .refine((tls) => (tls.certFile === undefined) === (tls.keyFile === undefined), 'want certFile and keyFile together')
      .optional(),
  })
  .prefault({});

export type Access = z.infer<typeof Access>;

/** Origin → the upstream whose wire format it speaks. */
export const Targets = z.record(webUrl('scheme, host and port of a target: https://llm.example'), z.string()).default({});

/** The provider's key, held by Glassway: named, never written, in the settings. */
export const ProviderKey = z.union(
  [z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }), z.strictObject({ file: z.string().min(1) })],
  'want { env: NAME_OF_A_VARIABLE } or { file: PATH }, never the key itself',
);

/** Whether whoever comes must show a key. */
export function keysRequired(settings: { readonly auth: Auth; readonly listen: { readonly host: string } }): boolean {
  return settings.auth === 'required' || (settings.auth === 'auto' && !isLoopback(settings.listen.host));
}

/** Where the keys' hashes lie. */
export function keysFile(settings: { readonly access: Access }, dataDir: string): string {
  return settings.access.keysFile ?? join(dataDir, 'keys.json');
}

function isWebOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && text === url.origin;
}
