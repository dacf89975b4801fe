/** The recipes of deploy/otel and the tables of docs/opentelemetry.md: right names, right syntax, up to date. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseDocument } from 'yaml';
import { loadSettings } from '../../../contract/config.ts';
import { environmentProtocol } from '../../../contract/otlp/variables.ts';
import { documentText } from '../../../deploy/otel/document.ts';
import { destinationsOf } from '../../../ingest/otlp/destinations.ts';

const FOLDER = new URL('../../../deploy/otel/', import.meta.url);
const DOCUMENT = new URL('../../../docs/opentelemetry.md', import.meta.url);
const files = readdirSync(FOLDER);
const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and …/protocol/exporter/ */
const VARIABLE =
  /^OTEL_(?:EXPORTER_OTLP_(?:(?:TRACES|METRICS)_)?(?:ENDPOINT|HEADERS|PROTOCOL|COMPRESSION|TIMEOUT|CERTIFICATE|CLIENT_KEY|CLIENT_CERTIFICATE|INSECURE)|SERVICE_NAME|RESOURCE_ATTRIBUTES|(?:TRACES|METRICS)_EXPORTER|TRACES_SAMPLER(?:_ARG)?)$/;

const variablesOf = (name: string): Record<string, string> =>
  Object.fromEntries(
    read(name)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [, variable = '', value = ''] = /^([A-Z_]+)=(\S.*)$/.exec(line) ?? [];
        return [variable, value];
      }),
  );

test.each(files.filter((name) => name.endsWith('.env')))('%s has variables that there are, and exports traces', (name) => {
  const variables = variablesOf(name);
  expect(Object.keys(variables).filter((each) => !VARIABLE.test(each))).toEqual([]);
  expect(destinationsOf([], variables)).toHaveLength(1);
  expect(environmentProtocol(variables, 'METRICS', (fault) => expect(fault).toBeUndefined()) === undefined).toBe(
    variables['OTEL_METRICS_EXPORTER'] === 'none',
  );
  for (const [variable, value] of Object.entries(variables)) {
    if (variable.endsWith('_ENDPOINT')) expect(new URL(value).protocol).toMatch(/^https?:$/);
    // Pairs, values percent-encoded: a space would end a value in a shell too.
    if (variable.endsWith('_HEADERS')) for (const pair of value.split(',')) expect(pair).toMatch(/^[A-Za-z0-9-]+=\S/);
  }
});

test('per-project.yaml is a configuration that starts', () => {
  const { otlp } = loadSettings({ file: fileURLToPath(new URL('per-project.yaml', FOLDER)), env: {} });
  const keys = { CHECKOUT_HONEYCOMB_KEY: 'k', RESEARCH_LANGFUSE_AUTH: 'a' };
  expect(destinationsOf(otlp, keys).map(({ projects }) => projects)).toEqual([['checkout', 'support'], ['research']]);
});

test('collector.yaml is YAML whose pipelines name components that it has, and no others', () => {
  expect(parseDocument(read('collector.yaml')).errors).toEqual([]);
  const { service, ...components } = parse(read('collector.yaml')) as Record<string, Record<string, unknown>>;
  expect(Object.keys(components).sort()).toEqual(['exporters', 'processors', 'receivers']);
  const pipelines = service?.['pipelines'] as Record<string, Record<string, string[]>>;
  for (const kind of ['receivers', 'processors', 'exporters']) {
    const used = new Set(Object.values(pipelines).flatMap((pipeline) => pipeline[kind] ?? []));
    expect([...used].sort()).toEqual(Object.keys(components[kind] ?? {}).sort());
  }
});

test('the tables of docs/opentelemetry.md are what the code says: if not, run npm run docs:opentelemetry', () => {
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(documentText());
});

test('every recipe is named in the documentation', () => {
  const text = readFileSync(DOCUMENT, 'utf8').toLowerCase().replaceAll(' ', '-');
  for (const name of files.filter((each) => each.endsWith('.env'))) expect(text).toContain(name.replace('.env', ''));
});
