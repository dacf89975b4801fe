/**
 * Glassway's settings: read once from `glassway.yaml` and the environment, checked whole, frozen.
 * Gives a `Settings` value or throws a ConfigError that lists every fault, each naming the key,
 * the value and what is accepted. Later sources win: defaults, file, environment, command line.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { Access, Auth, ProviderKey, Targets } from './auth-settings.ts';
import { clusterSettings } from './cluster-settings.ts';
import { CAPTURE_MODES } from './columns.ts';
import { ConsoleSettings } from './console-settings.ts';
import { OtlpEntries, TraceSettings } from './otlp-settings.ts';
import { PriceCatalogue, PriceOverrides } from './price-settings.ts';
import { ProjectRedact, Redact } from './privacy-settings.ts';
import { Workers } from './worker-settings.ts';

const port = (fallback: number) => z.int().min(1).max(65535).default(fallback);
const bytes = (fallback: number) => z.int().min(0).default(fallback);
const milliseconds = (fallback: number) => z.int().min(0).default(fallback);
const duration = (fallback: string) =>
  z
    .string()
    .regex(/^[1-9]\d*[hd]$/, 'a whole number of hours or days: 12h, 90d')
    .default(fallback);
const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text.replace(/\{[^}]*\}/g, 'x')) && /^https?:\/\//.test(text), 'an http:// or https:// URL');

const Upstream = z.strictObject({
  baseUrl: httpUrl.optional(),
  dialect: z.string().optional(),
  provider: z.string().optional(),
  /** What the provider learns of the caller's trace. */
  propagate: z.enum(['forward', 'child', 'strip']).optional(),
  /** The provider's key, where Glassway holds it: put in place of the caller's for calls that show a project key. */
  apiKey: ProviderKey.optional(),
  /** The header it goes into; missing: the one of the upstream's wire format. */
  apiKeyHeader: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, 'a header name')
    .optional(),
});

const Project = z.strictObject({
  capture: z.enum(CAPTURE_MODES).default('metadata'),
  /** What this project's `capture: redacted` takes out, where it is not what `redact` says. */
  redact: ProjectRedact,
  /** `inject`: streams that would not say their usage are asked for it, and the caller is spared the answer. */
  usage: z.enum(['observe', 'inject']).default('observe'),
  /** What becomes of the provider's answer when the client goes away: cut off at once, or read to its end for the record's sake. */
  onClientAbort: z.enum(['cut', 'finish']).default('cut'),
});

const Schema = z.strictObject({
  listen: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      proxy: port(4700),
      ingest: port(4701),
      clickhouseHttp: port(4702),
      clickhouseNative: port(4703),
      proxyAdmin: port(4704),
      /** The mock provider of `glassway demo`. */
      mockProvider: port(4705),
    })
    .prefault({}),
  upstreams: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a name of lower-case letters, digits and dashes'), Upstream).default({}),
  /** Where the header `x-glassway-target-url` may send calls, and the upstream whose wire format is spoken there; none by default. */
  targets: Targets,
  defaultUpstream: z.string().default('openai'),
  projects: z.record(z.string().min(1).max(128), Project).default({}),
  retention: z.strictObject({ calls: duration('90d'), bodies: duration('7d') }).prefault({}),
  redact: Redact,
  auth: Auth,
  access: Access,
  prices: PriceOverrides,
  priceCatalogue: PriceCatalogue,
  console: ConsoleSettings,
  otlp: OtlpEntries,
  traces: TraceSettings,
  /** Processes that share the proxy's port: `auto` is one for each processor. */
  workers: Workers,
  /** Where a proxy that runs on its own ships its records; `glassway up` fills it in. */
  ingestUrl: httpUrl.optional(),
  /** Where ingest asks the proxies how they are, for board Pipeline: their operators' port, under a name that may stand for several; `glassway up` fills it in. */
  proxyAdminUrl: httpUrl.optional(),
  clickhouse: z
    .strictObject({
      /** Set: this server is used, and no embedded one is started. */
      url: httpUrl.optional(),
      username: z.string().min(1).default('default'),
      password: z.string().default(''),
      /** The user that the console reads with; missing: the same as `username`. Should be read-only. */
      readUsername: z.string().min(1).optional(),
      readPassword: z.string().default(''),
      database: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a ClickHouse identifier')
        .default('glassway'),
      ...clusterSettings,
      /** Memory cap of the embedded server. */
      memoryBytes: z
        .int()
        .min(512 * 1024 ** 2)
        .default(2 * 1024 ** 3),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** Request bodies up to this size are sent on in one piece; larger ones stream through as they come. */
      requestBufferBytes: bytes(1024 ** 2),
      /** How much of one body (decoded) the tap reads; what is longer passes untouched and is marked as not captured. */
      bodyBytes: bytes(64 * 1024 ** 2),
      /** How much of each body is stored for projects that capture bodies. */
      captureBytes: bytes(1024 ** 2),
      /** Request header block, as Node's `maxHeaderSize`. */
      headerBytes: z
        .int()
        .min(8192)
        .default(64 * 1024),
      /** Request headers, however short. */
      headersMax: z.int().min(16).default(500),
      urlBytes: z
        .int()
        .min(1024)
        .default(32 * 1024),
      /** Clients' connections to one proxy at once; more are closed as they come. */
      connectionsMax: z.int().min(1).default(16_384),
      /** What an upload must bring in each `timeouts.uploadWindowMs`. */
      uploadWindowBytes: bytes(1024),
      queueRecords: z.int().min(1).default(100_000),
      queueBytes: z
        .int()
        .min(1024)
        .default(256 * 1024 ** 2),
    })
    .prefault({}),
  /** Where the proxy keeps records until ingest has them. */
  journal: z
    .strictObject({
      /** Missing: `journal` in the data folder. */
      dir: z.string().min(1).optional(),
      /** When records are forced to the disk itself. No kill of the proxy loses any, whatever is set here; a machine that loses power may. */
      fsync: z.enum(['never', 'second', 'always']).default('second'),
      /** Beyond this the oldest records go. */
      bytesMax: z
        .int()
        .min(1024 ** 2)
        .default(1024 ** 3),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      connectMs: milliseconds(10_000),
      /** To the end of the request's headers. */
      headersMs: z.int().min(100).default(60_000),
      /** An upload that brings less than `limits.uploadWindowBytes` in this time is given up. 0: none. */
      uploadWindowMs: milliseconds(60_000),
      /** To the response's headers. 0: none. */
      responseMs: milliseconds(600_000),
      /** Longest silence inside a response body. 0: none. */
      idleMs: milliseconds(0),
      /** How long an answer is read on after its client went away, where a project asks for that. */
      finishMs: milliseconds(600_000),
      /** How long a stopping proxy waits for calls in flight. */
      drainMs: milliseconds(30_000),
      /** How long a stopping proxy keeps an idle connection for one more call, which is told that it was the last. */
      drainIdleMs: milliseconds(5_000),
    })
    .prefault({}),
});

export type Settings = z.infer<typeof Schema>;

/** Read when no file is named and this one is in the working directory. */
export const DEFAULT_CONFIG_FILE = 'glassway.yaml';

/** One thing that is wrong in the configuration. `at` is a dotted path, or the variable's name. */
export interface ConfigFault {
  readonly at: string;
  readonly problem: string;
}

/** All faults of a configuration at once. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];

  constructor(source: string, faults: readonly ConfigFault[]) {
    super(`${source} is not valid:\n${faults.map((fault) => `  ${fault.at}: ${fault.problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** Checks that need more than the file's shape (known dialects, for one) and run in the same pass. */
export type SettingsCheck = (settings: Settings) => readonly ConfigFault[];

export interface LoadOptions {
  /** `--config`; missing: `glassway.yaml` in the working directory if there is one. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly checks?: readonly SettingsCheck[];
}

/** Variables that are not a setting's path: where they go. */
const ENV_ALIASES: Readonly<Record<string, readonly string[]>> = {
  CLICKHOUSE_URL: ['clickhouse', 'url'],
  CLICKHOUSE_USER: ['clickhouse', 'username'],
  CLICKHOUSE_PASSWORD: ['clickhouse', 'password'],
  CLICKHOUSE_DATABASE: ['clickhouse', 'database'],
};
/** Variables of the command line itself, which are no settings. */
const ENV_OPTIONS = new Set(['GLASSWAY_CONFIG', 'GLASSWAY_DATA']);

/**
 * Reads and checks the settings.
 * @throws ConfigError with every fault found, also when the file cannot be read or parsed
 */
export function loadSettings(options: LoadOptions): Settings {
  const { raw, source } = readConfigFile(options.file);
  const envFaults = applyEnvironment(raw, options.env);
  const parsed = Schema.safeParse(raw, { reportInput: true });
  const faults = [...envFaults, ...(parsed.success ? [] : parsed.error.issues.flatMap((issue) => describeIssue(issue, raw)))];
  if (parsed.success) for (const check of options.checks ?? []) faults.push(...check(parsed.data));
  if (faults.length > 0 || !parsed.success) throw new ConfigError(source, faults);
  return deepFreeze(parsed.data);
}

export { durationSeconds } from './durations.ts';

/** Names of all environment variables that set a setting, for help and for the documentation's test. */
export function environmentNames(): string[] {
  return [...settingPaths(Schema).keys()];
}

function readConfigFile(file: string | undefined): { raw: Record<string, unknown>; source: string } {
  const path = resolve(file ?? DEFAULT_CONFIG_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    if (file === undefined && code === 'ENOENT') return { raw: {}, source: 'The environment' };
    throw new ConfigError(path, [{ at: '--config', problem: code === 'ENOENT' ? 'no such file' : `cannot be read (${code})` }]);
  }
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0)
    throw new ConfigError(
      path,
      document.errors.map((error) => ({ at: 'YAML', problem: error.message.split('\n')[0] ?? error.message })),
    );
  const raw: unknown = document.toJS();
  if (raw === null || raw === undefined) return { raw: {}, source: path };
  if (typeof raw !== 'object' || Array.isArray(raw))
    throw new ConfigError(path, [{ at: 'YAML', problem: 'want a mapping of settings at the top level' }]);
  return { raw: raw as Record<string, unknown>, source: path };
}

/** Writes `GLASSWAY_LISTEN_PROXY=4800` and the like over the file's values. */
function applyEnvironment(raw: Record<string, unknown>, env: LoadOptions['env']): ConfigFault[] {
  const paths = settingPaths(Schema);
  const faults: ConfigFault[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || text === '') continue;
    const path = ENV_ALIASES[name] ?? paths.get(name);
    if (path) setIn(raw, path, coerce(text, path));
    else if (name.startsWith('GLASSWAY_') && !ENV_OPTIONS.has(name)) faults.push({ at: name, problem: 'no setting has this variable' });
  }
  return faults;
}

/** Numbers, true and false arrive as text; where the schema wants a string, text stays text. */
function coerce(text: string, path: readonly string[]): unknown {
  if (schemaAt(Schema, path) === 'boolean' && /^(true|false)$/.test(text.trim())) return text.trim() === 'true';
  return schemaAt(Schema, path) === 'number' && text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function setIn(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    target[head] = value;
    return;
  }
  const inner = target[head];
  const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
  target[head] = next;
  setIn(next, rest, value);
}

/** Takes the wrappers (default, prefault, optional) off a schema. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) inner = inner.def.innerType;
  return inner;
}

/** Variable name → path of every scalar setting with a fixed path: `listen.proxyAdmin` is `GLASSWAY_LISTEN_PROXY_ADMIN`. */
function settingPaths(schema: z.core.$ZodType, path: readonly string[] = []): Map<string, readonly string[]> {
  const inner = unwrap(schema);
  // What has keys or entries of its own has no variables.
  if (inner instanceof z.ZodRecord || inner instanceof z.ZodArray) return new Map();
  if (!(inner instanceof z.ZodObject)) {
    const name = `GLASSWAY_${path.map((part) => part.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_')}`;
    return new Map([[name, path]]);
  }
  return new Map(Object.entries(inner.shape).flatMap(([key, value]) => [...settingPaths(value, [...path, key])]));
}

function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): 'number' | 'boolean' | 'object' | 'other' {
  const inner = resolveAt(schema, path);
  if (inner instanceof z.ZodNumber) return 'number';
  if (inner instanceof z.ZodBoolean) return 'boolean';
  return inner instanceof z.ZodObject ? 'object' : 'other';
}

function resolveAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  const inner = unwrap(schema);
  const [head, ...rest] = path;
  if (head === undefined) return inner;
  if (inner instanceof z.ZodRecord) return resolveAt(inner.valueType, rest);
  if (inner instanceof z.ZodArray) return resolveAt(inner.element, rest);
  const next = inner instanceof z.ZodObject ? inner.shape[String(head)] : undefined;
  return next === undefined ? undefined : resolveAt(next, rest);
}

function describeIssue(issue: z.core.$ZodIssue, raw: unknown): ConfigFault[] {
  const at = issue.path.join('.') || 'the file';
  if (issue.code === 'unrecognized_keys') {
    const schema = resolveAt(Schema, issue.path);
    const accepted = schema instanceof z.ZodObject ? Object.keys(schema.shape).join(', ') : '';
    return issue.keys.map((key) => ({ at: [...issue.path, key].join('.'), problem: `unknown key; accepted here: ${accepted}` }));
  }
  if (issue.code === 'invalid_key') return [{ at, problem: issue.issues.map((inner) => inner.message).join('; ') }];
  const value = issue.path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    raw,
  );
  // A secret that is not valid is still one.
  const shown = isSecret(issue.path) ? 'its value' : (JSON.stringify(value) ?? 'missing');
  return [{ at, problem: `${shown} is not accepted: ${issue.message}` }];
}

function isSecret(path: readonly PropertyKey[]): boolean {
  return path.some((key) => /(?:secret|password|apiKey)$/i.test(String(key)));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
