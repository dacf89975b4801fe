/**
 * Glassway's keys: what they look like, what is stored of them, how one is checked. A key is 256 random bits, so its
 * plain SHA-256 gives nothing away and costs a microsecond; the id in it finds the entry, and hashes are compared in
 * constant time. Pure: files are key-ring.ts's.
 */
import { createHash, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** What a key opens. */
export const KEY_USES = ['calls', 'console', 'metrics'] as const;
export type KeyUse = (typeof KEY_USES)[number];

/** The letter after `gw` says to a person what the key is for; the entry decides. */
const PREFIXES: Readonly<Record<KeyUse, string>> = { calls: 'gwk', console: 'gwc', metrics: 'gwm' };
const KEY = /^gw[kcm]_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;
/** In any text, whole or not: what must not travel on. */
export const KEY_SHAPE = /gw[kcm]_[0-9a-f]{12}_[A-Za-z0-9_-]+/g;

const time = z.iso.datetime();

const KeyEntry = z
  .strictObject({
    id: z.string().regex(/^[0-9a-f]{12}$/),
    use: z.enum(KEY_USES),
    /** Of keys for calls: whose calls they are. */
    project: z.string().min(1).max(128).optional(),
    name: z.string().max(200).default(''),
    /** SHA-256 of the whole key, hex. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    created_at: time,
    expires_at: time.optional(),
    revoked_at: time.optional(),
  })
  .refine((entry) => (entry.use === 'calls') === (entry.project !== undefined), 'want a project for keys for calls, and for no others');

export type KeyEntry = Readonly<z.infer<typeof KeyEntry>>;

export const KeysFile = z.strictObject({ version: z.literal(1), keys: z.array(KeyEntry).max(100_000) });

export type KeyFault = 'unknown' | 'revoked' | 'expired' | 'other_use';
export type KeyVerdict = { readonly entry: KeyEntry } | { readonly fault: KeyFault; readonly entry?: KeyEntry };

/** Entries ready to be compared, by their id. */
export type KeyTable = ReadonlyMap<string, { readonly entry: KeyEntry; readonly digest: Buffer; readonly expires_ms: number }>;

export interface NewKey {
  readonly use: KeyUse;
  readonly project?: string | undefined;
  readonly name: string;
  readonly expires_at?: string | undefined;
}

/** A new key and its entry. The key itself is in the first only: show it once. */
export function createKey(wanted: NewKey, now: Date): { readonly key: string; readonly entry: KeyEntry } {
  const id = randomBytes(6).toString('hex');
  const key = `${PREFIXES[wanted.use]}_${id}_${randomBytes(32).toString('base64url')}`;
  const entry = KeyEntry.parse({
    id,
    use: wanted.use,
    ...(wanted.project !== undefined && { project: wanted.project }),
    name: wanted.name,
    sha256: createHash('sha256').update(key).digest('hex'),
    created_at: now.toISOString(),
    ...(wanted.expires_at !== undefined && { expires_at: wanted.expires_at }),
  });
  return { key, entry };
}

export function looksLikeKey(text: string): boolean {
  return text.startsWith('gw') && text[3] === '_' && KEY.test(text);
}

export function keyTable(entries: readonly KeyEntry[]): KeyTable {
  return new Map(
    entries.map((entry) => [
      entry.id,
      {
        entry,
        digest: Buffer.from(entry.sha256, 'hex'),
        expires_ms: entry.expires_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(entry.expires_at),
      },
    ]),
  );
}

/** Whether a key that somebody shows is good for `use`. Why not is said only of keys that exist: whoever holds one may know. */
export function checkKey(table: KeyTable, text: string, use: KeyUse, now_ms: number): KeyVerdict {
  const known = table.get(KEY.exec(text)?.[1] ?? '');
  if (known === undefined || !timingSafeEqual(hash('sha256', text, 'buffer'), known.digest)) return { fault: 'unknown' };
  const { entry } = known;
  if (entry.revoked_at !== undefined) return { fault: 'revoked', entry };
  if (now_ms >= known.expires_ms) return { fault: 'expired', entry };
  return entry.use === use ? { entry } : { fault: 'other_use', entry };
}

/** Compares secrets of any length without telling by the time taken where they differ. */
export function sameSecret(shown: string, known: string): boolean {
  return timingSafeEqual(hash('sha256', shown, 'buffer'), hash('sha256', known, 'buffer'));
}
