/**
 * Who is calling: project, user, session, tags, trace, credential fingerprint, from the request's headers.
 * Throws a GatewayError that names the header, what is wrong with its value and what would be right.
 * Never keeps a credential: only a keyed hash of it leaves this file.
 */
import { createHmac } from 'node:crypto';
import { CAPTURE_MODES, type CaptureMode } from '../contract/columns.ts';
import { GatewayError } from '../contract/errors.ts';
import { CREDENTIAL_HEADERS, OWN_PREFIX } from './headers.ts';
import { randomHex, uuidv7 } from './random-ids.ts';
import { remembering } from './remember.ts';
import { parseTraceparent, parseTracestate } from './trace-context.ts';

export interface Identity {
  readonly request_id: string;
  readonly project: string;
  readonly user_id: string;
  readonly session_id: string;
  readonly tags: Readonly<Record<string, string>>;
  /** What the request asks for; the project's own mode is the ceiling. */
  readonly capture: CaptureMode | undefined;
  readonly trace_id: string;
  readonly parent_span_id: string;
  readonly span_id: string;
  /** Of the caller's traceparent; null without one. */
  readonly trace_flags: number | null;
  /** As it goes with spans: what is valid of the caller's, within the limits; empty without traceparent. */
  readonly trace_state: string;
  readonly key_fingerprint: string;
  readonly sdk: string;
}

export const TAG_CHARS_MAX = 128;
const VALUE_CHARS_MAX = 1_024;
const TAGS_MAX = 64;
const TAG_PREFIX = `${OWN_PREFIX}tag-`;

/** Where a header's value goes. `metadata` is a JSON object whose entries become tags, `_user` the user. */
type Field = 'project' | 'user' | 'session' | 'request_id' | 'capture' | 'tags' | 'metadata';

/** Glassway's headers first; below them rivals' headers that mean the same, so that a migration is a changed base URL. */
const HEADER_FIELDS: ReadonlyMap<string, Field> = new Map<string, Field>(
  Object.entries({
    'x-glassway-project': 'project',
    'x-glassway-user': 'user',
    'x-glassway-session': 'session',
    'x-glassway-request-id': 'request_id',
    'x-glassway-capture': 'capture',
    // https://docs.helicone.ai/helicone-headers/header-directory
    'helicone-user-id': 'user',
    'helicone-session-id': 'session',
    // https://portkey.ai/docs/product/observability/metadata
    'x-portkey-metadata': 'metadata',
    // https://docs.litellm.ai/docs/proxy/request_headers
    'x-litellm-end-user-id': 'user',
    'x-litellm-tags': 'tags',
    // https://developers.cloudflare.com/ai-gateway/observability/custom-metadata/
    'cf-aig-metadata': 'metadata',
  } as const),
);
const RIVAL_TAG_PREFIX = 'helicone-property-';

/** Headers of which the first value is read, and what reads it. */
const PLAIN_HEADERS = ['traceparent', 'tracestate', 'user-agent', ...CREDENTIAL_HEADERS] as const;
type PlainHeader = (typeof PLAIN_HEADERS)[number];
type PlainHeaders = { [Name in PlainHeader]?: string };

/** What a header is to us, by its name. */
type Meaning =
  | { readonly kind: 'field'; readonly name: string; readonly field: Field }
  | { readonly kind: 'tag'; readonly name: string; readonly tag: string }
  | { readonly kind: 'rival_tag'; readonly name: string; readonly tag: string }
  | { readonly kind: 'plain'; readonly name: PlainHeader };

/** By the name as it was sent; null: nothing. */
const meaningOf = remembering((header): Meaning | null => readName(header.toLowerCase()));

function readName(name: string): Meaning | null {
  const field = HEADER_FIELDS.get(name);
  if (field !== undefined) return { kind: 'field', name, field };
  if (name.startsWith(TAG_PREFIX)) return { kind: 'tag', name, tag: name.slice(TAG_PREFIX.length) };
  if (name.startsWith(RIVAL_TAG_PREFIX)) return { kind: 'rival_tag', name, tag: name.slice(RIVAL_TAG_PREFIX.length) };
  // Others that begin like ours are a newer Glassway's: not for this one to refuse.
  const plain = PLAIN_HEADERS.find((each) => each === name);
  return plain === undefined ? null : { kind: 'plain', name: plain };
}

interface Collected {
  project: string;
  user: string;
  session: string;
  request_id: string;
  capture: string;
  tags: Record<string, string>;
}

/** `keyProject`: the project of the key that the call showed, which no tag may gainsay. */
export type Identify = (raw: readonly string[], query: string, keyProject?: string) => Identity;

/**
 * Makes the identifying function of one proxy.
 * `fingerprintKey` is the installation's own secret; with another one the same credential has another fingerprint.
 */
export function createIdentify(fingerprintKey: Uint8Array): Identify {
  const fingerprint = createFingerprint(fingerprintKey);
  return (raw, query, keyProject) => {
    const found: Collected = { project: '', user: '', session: '', request_id: '', capture: '', tags: {} };
    const plain: PlainHeaders = {};
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const meaning = meaningOf(raw[i] as string);
      if (meaning === null) continue;
      const value = raw[i + 1] as string;
      if (meaning.kind !== 'plain') collect(meaning, value, found);
      // The one of them that may be in pieces: https://www.w3.org/TR/trace-context/#tracestate-header
      else if (meaning.name === 'tracestate' && plain.tracestate !== undefined) plain.tracestate += `,${value}`;
      else plain[meaning.name] ??= value;
    }
    if (keyProject !== undefined && found.project !== '' && found.project !== keyProject)
      throw new GatewayError('project_forbidden', `The tag is ${JSON.stringify(found.project)}; leave it out, or send that project's key.`);
    const trace = plain.traceparent === undefined ? undefined : parseTraceparent(plain.traceparent);
    return {
      request_id: found.request_id === '' ? uuidv7() : found.request_id,
      project: found.project === '' ? (keyProject ?? 'default') : found.project,
      user_id: found.user,
      session_id: found.session,
      tags: found.tags,
      capture: found.capture === '' ? undefined : CAPTURE_MODES.find((mode) => mode === found.capture),
      trace_id: trace?.trace_id ?? randomHex(32),
      parent_span_id: trace?.parent_span_id ?? '',
      span_id: randomHex(16),
      trace_flags: trace?.trace_flags ?? null,
      trace_state: trace === undefined || plain.tracestate === undefined ? '' : parseTracestate(plain.tracestate),
      key_fingerprint: fingerprint(credential(plain) ?? queryKey(query)),
      sdk: sdkName(plain['user-agent'] ?? ''),
    };
  };
}

/** Puts one header where it belongs. The first value of a repeated header counts. */
function collect(meaning: Exclude<Meaning, { kind: 'plain' }>, value: string, found: Collected): void {
  if (meaning.kind === 'tag') addTag(found, meaning.tag, checked(meaning.name, value, VALUE_CHARS_MAX, 'invalid_header'));
  else if (meaning.kind === 'rival_tag') addTag(found, meaning.tag, decodeText(value).slice(0, VALUE_CHARS_MAX));
  else if (meaning.field === 'tags')
    for (const tag of decodeText(value).split(',')) addTag(found, tag.trim().slice(0, TAG_CHARS_MAX), 'true');
  else if (meaning.field === 'metadata') addMetadata(found, value);
  else if (found[meaning.field] === '') found[meaning.field] = checkedField(meaning.name, meaning.field, value);
}

const isOwn = (name: string): boolean => name.startsWith(OWN_PREFIX);

function checkedField(name: string, field: Exclude<Field, 'tags' | 'metadata'>, value: string): string {
  if (field === 'project') return checked(name, value, TAG_CHARS_MAX, 'invalid_project');
  if (field === 'request_id') {
    if (!/^[\x21-\x7e]{1,128}$/.test(value))
      throw new GatewayError(
        'invalid_header',
        `${name} has ${value.length} characters; want 1 to 128 printable ASCII characters without spaces.`,
      );
    return value;
  }
  if (field === 'capture') {
    if (!CAPTURE_MODES.some((mode) => mode === value))
      throw new GatewayError(
        'invalid_header',
        `${name} is ${JSON.stringify(value.slice(0, 40))}; want one of ${CAPTURE_MODES.join(', ')}.`,
      );
    return value;
  }
  // A rival's header was not written for us: cut what we would have refused.
  return isOwn(name) ? checked(name, value, VALUE_CHARS_MAX, 'invalid_header') : decodeText(value).slice(0, VALUE_CHARS_MAX);
}

function checked(name: string, value: string, charsMax: number, code: 'invalid_project' | 'invalid_header'): string {
  const text = decodeText(value);
  if (text === '') throw new GatewayError(code, `${name} is empty; leave the header out, or give it 1 to ${charsMax} characters.`);
  if ([...text].length > charsMax) throw new GatewayError(code, `${name} has ${[...text].length} characters; want at most ${charsMax}.`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) throw new GatewayError(code, `${name} has control characters; want printable text.`);
  return text;
}

/** Header bytes reach us as latin1; callers mean UTF-8. What is not UTF-8 stays latin1. */
function decodeText(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is looked for
  if (/^[\u0000-\u007f]*$/.test(value)) return value;
  const text = Buffer.from(value, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? value : text;
}

function addTag(found: Collected, name: string, value: string): void {
  if (name === '' || name.length > TAG_CHARS_MAX || name === '__proto__') return;
  if (!Object.hasOwn(found.tags, name) && Object.keys(found.tags).length >= TAGS_MAX)
    throw new GatewayError('invalid_header', `More than ${TAGS_MAX} tags; want at most ${TAGS_MAX}.`);
  found.tags[name] = value;
}

function addMetadata(found: Collected, value: string): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decodeText(value));
  } catch {
    return; // not ours to refuse: the rival's own format, read where it can be
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return;
  for (const [key, entry] of Object.entries(parsed).slice(0, TAGS_MAX)) {
    if (typeof entry === 'object' && entry !== null) continue;
    const text = String(entry).slice(0, VALUE_CHARS_MAX);
    if (key === '_user' && found.user === '') found.user = text;
    else if (Object.keys(found.tags).length < TAGS_MAX) addTag(found, key, text);
  }
}

/** The first there is, as it came. */
function credential(headers: PlainHeaders): string | undefined {
  for (const name of CREDENTIAL_HEADERS) if (headers[name] !== undefined) return headers[name];
  return undefined;
}

function queryKey(query: string): string {
  return query === '' ? '' : (/(?:^|&)key=([^&]+)/.exec(query)?.[1] ?? '');
}

/** What of it tells keys apart: of an AWS signature, which changes with each request, the access key id in it. */
function secretOf(value: string): string {
  return /^AWS4-[^ ]+ +Credential=([^/,]+)/.exec(value)?.[1] ?? value.replace(/^(?:Bearer|Basic) +/i, '');
}

/** HMAC costs about 5 µs, and a busy proxy sees few keys. */
function createFingerprint(key: Uint8Array): (credential: string) => string {
  return remembering((credential) => {
    const secret = secretOf(credential);
    return secret === '' ? '' : createHmac('sha256', key).update(secret, 'latin1').digest('hex').slice(0, 8);
  });
}

/** `OpenAI/JS 6.1.0` → `OpenAI/JS 6.1.0`; `python-requests/2.32 foo` → `python-requests/2.32`: the first product, bounded. */
const sdkName = remembering((userAgent) => {
  const match = /^([A-Za-z][\w.-]{0,40}\/[\w.+-]{1,24})( \d[\w.+-]{0,24})?/.exec(userAgent);
  return match ? `${match[1]}${match[2] ?? ''}` : '';
});
