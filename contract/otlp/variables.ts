/**
 * What OpenTelemetry's own variables say of a signal: whether it is exported to where they point, and over which protocol. The
 * rest of them (endpoint, headers, compression, timeout, certificates) OpenTelemetry's packages read themselves, and pass over
 * what they cannot use; here that is a fault. Imports nothing of OpenTelemetry, so that whoever exports nothing loads nothing.
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
import { accessSync, constants } from 'node:fs';
import type { ConfigFault } from '../config.ts';
import { OTLP_PROTOCOLS, type OtlpProtocol } from '../otlp-settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type ExportedSignal = 'TRACES' | 'METRICS';
export type OnFault = (fault: ConfigFault) => void;

/** The exporters' standard names; of them Glassway has the first. */
const EXPORTERS = ['otlp', 'none', 'console', 'logging', 'prometheus', 'zipkin', 'jaeger'] as const;
const known: ReadonlySet<string> = new Set(EXPORTERS);

export const readVariable = (env: Environment, name: string): string => env[name]?.trim() ?? '';

export function isDisabled(env: Environment): boolean {
  return readVariable(env, 'OTEL_SDK_DISABLED').toLowerCase() === 'true';
}

/** The protocol towards the variables' endpoint; undefined when they name none, or want nothing of this signal exported. */
export function environmentProtocol(env: Environment, signal: ExportedSignal, onFault: OnFault): OtlpProtocol | undefined {
  if (isDisabled(env)) return undefined;
  const exporters = readVariable(env, `OTEL_${signal}_EXPORTER`)
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  for (const exporter of exporters)
    if (!known.has(exporter)) onFault({ at: `OTEL_${signal}_EXPORTER`, problem: notAccepted(exporter, 'otlp or none') });
  const endpoint = variableOf(env, signal, 'ENDPOINT');
  const wanted = exporters.length === 0 ? endpoint !== undefined : exporters.includes('otlp');
  if (!wanted) return undefined;
  const { name, value } = variableOf(env, signal, 'PROTOCOL') ?? { name: '', value: OTLP_PROTOCOLS[0] };
  const protocol = OTLP_PROTOCOLS.find((each) => each === value);
  if (protocol === undefined) onFault({ at: name, problem: notAccepted(value, `one of ${OTLP_PROTOCOLS.join(', ')}`) });
  else for (const [suffix, check] of Object.entries(CHECKS)) checkVariable(variableOf(env, signal, suffix), check(protocol), onFault);
  const half = (['CLIENT_KEY', 'CLIENT_CERTIFICATE'] as const).map((suffix) => variableOf(env, signal, suffix));
  const [there] = half.filter((each) => each !== undefined);
  if (there !== undefined && half.includes(undefined))
    onFault({ at: there.name, problem: 'a client key and a client certificate are set together, or neither is' });
  return protocol;
}

interface Variable {
  readonly name: string;
  readonly value: string;
}

/** The signal's own variable, else the one for all. */
function variableOf(env: Environment, signal: ExportedSignal, suffix: string): Variable | undefined {
  return [`OTEL_EXPORTER_OTLP_${signal}_${suffix}`, `OTEL_EXPORTER_OTLP_${suffix}`]
    .map((name) => ({ name, value: readVariable(env, name) }))
    .find(({ value }) => value !== '');
}

/** What is wrong with a value, or nothing. */
type Check = (value: string) => string | undefined;

const isWebUrl = (value: string): boolean => URL.canParse(value) && /^https?:\/\//i.test(value);
const isHostAndPort = (value: string): boolean => /^(?:[\w.-]+|\[[0-9a-f:]+\]):\d{1,5}$/i.test(value) || /^(?:unix|dns):/.test(value);

function readable(value: string): string | undefined {
  try {
    accessSync(value, constants.R_OK);
    return undefined;
  } catch (error) {
    return `the file cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`;
  }
}

/** `name=value,…`; says which of them is none, never what it says: headers are secrets. */
export function pairs(value: string): string | undefined {
  const wrong = value.split(',').findIndex((pair) => pair.trim() !== '' && !isPair(pair));
  return wrong === -1 ? undefined : `entry ${wrong + 1} is not accepted: name=value, percent-encoded, with commas between them`;
}

function isPair(pair: string): boolean {
  try {
    const [name = ''] = decodeURIComponent(pair).split('=');
    return name.trim() !== '' && pair.includes('=');
  } catch {
    return false;
  }
}

const CHECKS: Readonly<Record<string, (protocol: OtlpProtocol) => Check>> = {
  ENDPOINT: (protocol) => (value) => {
    if (isWebUrl(value) || (protocol === 'grpc' && isHostAndPort(value))) return undefined;
    return notAccepted(value, protocol === 'grpc' ? 'http://host:port, https://host:port or host:port' : 'an http:// or https:// URL');
  },
  HEADERS: () => pairs,
  COMPRESSION: () => (value) => (value === 'none' || value === 'gzip' ? undefined : notAccepted(value, 'none or gzip')),
  TIMEOUT: () => (value) => (Number(value) > 0 ? undefined : notAccepted(value, 'milliseconds, above 0')),
  CERTIFICATE: () => readable,
  CLIENT_KEY: () => readable,
  CLIENT_CERTIFICATE: () => readable,
};

function checkVariable(variable: Variable | undefined, check: Check, onFault: OnFault): void {
  const problem = variable && check(variable.value);
  if (problem !== undefined) onFault({ at: variable?.name ?? '', problem });
}

export function notAccepted(value: string, wanted: string): string {
  return `${JSON.stringify(value)} is not accepted: ${wanted}`;
}
