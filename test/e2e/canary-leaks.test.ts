/**
 * Whether the canary test would notice: leaks are planted in a copy of the source, one for each kind of place, and it must find
 * each of them where it is.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runScript } from '../kit/processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const COPIED = ['cli', 'contract', 'dashboards', 'ingest', 'proxy', 'test', 'package.json'];

interface Leak {
  readonly leak: string;
  readonly file: string;
  readonly code: string;
  readonly instead: string;
  /** Lines that the canary test must say. */
  readonly found: readonly RegExp[];
}

const LEAKS: readonly Leak[] = [
  {
    leak: 'bodies of projects that keep none',
    file: 'proxy/tap.ts',
    code: "this.#capture = options.capture === 'metadata' ? undefined : createCapture(options.captureBytesMax);",
    instead: 'this.#capture = createCapture(options.captureBytesMax);',
    found: [/^journal file .*: \w+ in metadata: /m, /^table glassway\.bodies: \w+ in metadata: /m],
  },
  {
    leak: 'and their writing',
    file: 'proxy/tap.ts',
    code: "if (this.#capture && this.#options.capture === 'full') record",
    instead: "if (this.#capture && this.#options.capture !== 'redacted') record",
    found: [/^page \/api\/calls\/\S+: \w+ in metadata: /m],
  },
  {
    leak: 'an error message as the provider words it',
    file: 'proxy/tap-record.ts',
    code: "if (error.type === '' || ours || call.capture === 'full') return error;",
    instead: 'if (!ours) return error;',
    found: [/^table glassway\.calls: \w+ in metadata: .*error/m],
  },
  {
    leak: 'a log line with the request’s headers',
    file: 'proxy/app.ts',
    code: 'const found = route(req.url',
    instead: "log('info', JSON.stringify(req.rawHeaders)); const found = route(req.url",
    found: [/^output: bearer in metadata: /m],
  },
  {
    leak: 'a metric with a key for a label',
    file: 'proxy/app.ts',
    code: 'metrics.callBegan();',
    instead: "metrics.callBegan(); metrics.tapLimited.inc({ reason: String(lookedAt(req.rawHeaders)['x-api-key'] ?? '') });",
    found: [/^page admin \/metrics: bearer in metadata: x-api-key/m],
  },
  {
    leak: 'a span with a variable of the environment',
    file: 'ingest/otlp/span-json.ts',
    code: 'const parts: string[] = [];',
    instead: "const parts = [keyValue('key', process.env['CANARY_HELD_KEY'])];",
    found: [/^export \/v1\/traces: the key that Glassway holds/m],
  },
  {
    leak: 'a diagnostic report with the environment',
    file: 'contract/reports.ts',
    code: 'process.report.excludeEnv = true;',
    instead: 'process.report.excludeEnv = false;',
    found: [/^report file .*: the key that Glassway holds/m],
  },
];

let copy: string;
let output: string;
beforeAll(async () => {
  copy = mkdtempSync(join(tmpdir(), 'glassway-leaks-'));
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const { file, code, instead } of LEAKS) {
    const source = readFileSync(join(copy, file), 'utf8');
    expect([file, source.split(code).length]).toEqual([file, 2]); // else this test has lost its object
    writeFileSync(
      join(copy, file),
      source.replace(code, () => instead),
    );
  }
  output = (await runScript(join(copy, 'test/kit/canary/run.ts'))).output;
}, 180_000);
afterAll(() => rmSync(copy, { recursive: true, force: true }));

test.each(LEAKS)('$leak is found', ({ found }) => {
  for (const line of found) expect(output).toMatch(line);
});
