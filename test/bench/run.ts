/**
 * `npm run bench -- [parts] [--quick] [--json FILE]`: measures Glassway against what it is compared with, all in one run.
 * Prints a table for each part and writes everything as JSON. The method is in README.md.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { scratchDirs } from './contenders/index.ts';
import { PARTS, QUICK_PARTS } from './parts/index.ts';
import { machine, table } from './report.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string', default: join(import.meta.dirname, 'results.json') } },
});

const unknown = positionals.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  process.stderr.write(`No such part: ${unknown.join(', ')}. There are ${Object.keys(PARTS).join(', ')}.\n`);
  process.exit(1);
}

// By way of `exit`, which ends whatever still runs.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const names = positionals.length > 0 ? positionals : values.quick ? QUICK_PARTS : Object.keys(PARTS);
const tell = (message: string): void => void process.stderr.write(`  ${message}\n`);
const about = machine();
const parts = earlierParts();
process.stdout.write(`${JSON.stringify(about)}\n`);
for (const name of names) {
  const part = PARTS[name];
  if (part === undefined) continue;
  const started_ms = performance.now();
  try {
    const result = await part({ quick: values.quick, tell });
    const seconds = Math.round((performance.now() - started_ms) / 1_000);
    process.stdout.write(`\n## ${name} (${seconds} s)\n\n${table(result)}\n`);
    for (const note of result.notes ?? []) process.stdout.write(`\n${note}\n`);
    parts[name] = { ...about, date: new Date().toISOString(), quick: values.quick, ...result, rows: Object.fromEntries(result.rows) };
    writeFileSync(values.json, `${JSON.stringify({ parts }, null, 2)}\n`);
  } catch (error) {
    tell(`${name} could not be measured: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
for (const dir of scratchDirs) rmSync(dir, { recursive: true, force: true });

/** Of the same file: parts may be measured one by one, each when the machine is quiet. */
function earlierParts(): Record<string, unknown> {
  try {
    return (JSON.parse(readFileSync(values.json, 'utf8')) as { parts?: Record<string, unknown> }).parts ?? {};
  } catch {
    return {}; // none yet
  }
}
