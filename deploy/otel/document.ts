/**
 * Writes the tables of docs/opentelemetry.md anew, from the code: `npm run docs:opentelemetry`. What stands between the
 * marks is never edited by hand; a test fails when it is not what this makes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { CALL_METRIC_LABELS, CALL_METRICS } from '../../contract/events.ts';
import { CONTENT_ATTRIBUTES, OTHER_COLUMNS, SPAN_ATTRIBUTES } from '../../ingest/otlp/attributes.ts';

const DOCUMENT = new URL('../../docs/opentelemetry.md', import.meta.url);

/** Which metrics come from a column, or are told apart by it. */
const METRICS_OF: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['operation', 'provider', 'request_model', 'response_model', 'server_address', 'server_port'].map((column) => [column, 'label of all']),
  ),
  input_tokens: CALL_METRICS.tokens.name,
  output_tokens: CALL_METRICS.tokens.name,
  duration_ms: CALL_METRICS.duration.name,
  error_type: `label of ${CALL_METRICS.duration.name}`,
  ttft_ms: CALL_METRICS.first_chunk.name,
  output_chunks: CALL_METRICS.output_chunk.name,
};

/**
 * Where backends show a fact besides under the attribute's own name, by their documentation:
 * https://langfuse.com/integrations/native/opentelemetry#property-mapping,
 * https://docs.datadoghq.com/llm_observability/instrumentation/otel_instrumentation/; Phoenix as seen.
 */
const SHOWN_APART: Readonly<Record<string, string>> = {
  'gen_ai.operation.name': 'Datadog: span kind; Langfuse: type generation; Phoenix: kind LLM',
  'gen_ai.provider.name': 'Datadog: model provider; Phoenix: provider',
  'gen_ai.request.model': 'Datadog: model name; Langfuse: model; Phoenix: model',
  'gen_ai.response.model': 'Datadog: model name; Langfuse: model',
  'gen_ai.usage.input_tokens': 'Datadog, Langfuse, Phoenix: tokens',
  'gen_ai.usage.output_tokens': 'Datadog, Langfuse, Phoenix: tokens',
  'gen_ai.usage.cost': 'Langfuse: cost',
  'user.id': 'Langfuse, Phoenix: user',
  'session.id': 'Langfuse, Phoenix: session',
  'gen_ai.conversation.id': 'Datadog: session',
  'gen_ai.request.temperature': 'Langfuse: model parameters; Datadog: metadata',
  'gen_ai.request.max_tokens': 'Langfuse: model parameters; Datadog: metadata',
  'error.type': 'Datadog: error',
};

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const code = (name: string | undefined): string => (name === undefined ? '' : `\`${name}\``);
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((title, index) => Math.max(3, title.length, ...rows.map((cells) => cells[index]?.length ?? 0)));
  const padded = (cells: readonly string[]): string => row(cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)));
  return [padded(head), row(widths.map((width) => '-'.repeat(width))), ...rows.map(padded)].join('\n');
};

/** The tables by the name in their marks. */
export function tables(): Readonly<Record<string, string>> {
  const attributes = SPAN_ATTRIBUTES.map(({ name, next, type, requirement, columns }) => [
    columns.map(code).join(', '),
    name === undefined ? `${code(next)} (next)` : `${code(name)}${next === undefined ? '' : `; next: ${code(next)}`}`,
    type,
    requirement,
    [...new Set(columns.flatMap((column) => METRICS_OF[column] ?? []))].join(', '),
    SHOWN_APART[name ?? ''] ?? '',
  ]);
  const others = Object.entries(OTHER_COLUMNS).map(([column, how]) => [code(column), how, '', '', METRICS_OF[column] ?? '', '']);
  const contents = Object.values(CONTENT_ATTRIBUTES).map((name) => [
    'table `bodies`',
    code(name),
    name.endsWith('stop_sequences') ? 'string[]' : 'string (JSON)',
    'opt-in',
    '',
    name.endsWith('messages') ? 'Datadog, Langfuse, Phoenix: input and output' : '',
  ]);
  const metrics = Object.values(CALL_METRICS).map(({ name, prometheus, unit, labels, bounds }) => [
    code(name),
    code(prometheus),
    unit,
    labels.map(code).join(', '),
    `${bounds[0]} … ${bounds.at(-1)}`,
  ]);
  return {
    attributes: table(['column', 'attribute', 'type', 'level', 'metric', 'shown apart'], [...attributes, ...contents, ...others]),
    metrics: table(['over OTLP', 'for Prometheus', 'unit', 'attributes of its own', 'bounds'], metrics),
    labels: CALL_METRIC_LABELS.map(code).join(', '),
  };
}

/** The document with its tables as they should be. */
export function documentText(text = readFileSync(DOCUMENT, 'utf8')): string {
  return Object.entries(tables()).reduce(
    (whole, [name, made]) =>
      whole.replace(
        new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(\\n<!-- end -->)`),
        (_all, begin: string, end: string) => `${begin}${made}${end}`,
      ),
    text,
  );
}

if (import.meta.main) writeFileSync(DOCUMENT, documentText());
