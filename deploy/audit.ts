/**
 * `npm run audit`: asks the registry whether an installed version is known to be vulnerable. Ends with 1 for a finding
 * that audit-allowed.json does not let be, or lets be no longer. A registry that does not answer is said out loud, and
 * ends with 0, so that a day without it stops nobody's work, or with 2 when `--required` (a release) says so.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AllowedAdvisory, auditVerdict } from './audit-verdict.ts';

const allowed = JSON.parse(readFileSync(join(import.meta.dirname, 'audit-allowed.json'), 'utf8')) as AllowedAdvisory[];
const { stdout, stderr, error } = spawnSync('npm', ['audit', '--json', '--fetch-retries=1', '--fetch-timeout=20000'], { encoding: 'utf8' });
const verdict = auditVerdict(stdout || stderr || String(error), allowed, new Date().toISOString().slice(0, 10));
const HEADS = {
  clean: 'Audit: nothing known against any installed version.',
  found: 'Audit: FAILED.',
  not_checked: 'Audit: NOT CHECKED. The registry did not answer; nothing is known about vulnerable versions, good or bad.',
};
process.stdout.write(`${[HEADS[verdict.kind], ...verdict.lines.map((line) => `  ${line}`)].join('\n')}\n`);
process.exitCode = verdict.kind === 'found' ? 1 : verdict.kind === 'not_checked' && process.argv.includes('--required') ? 2 : 0;
