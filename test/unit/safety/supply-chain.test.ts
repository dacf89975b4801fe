/** What is installed is what was chosen: exact versions, a whole lock file, no scripts but those named, no forgotten exception. */
import { readFileSync } from 'node:fs';
import { type AllowedAdvisory, auditVerdict } from '../../../deploy/audit-verdict.ts';

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly optional?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}
const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const manifest = read<
  Record<'dependencies' | 'devDependencies', Record<string, string>> & {
    allowScripts: Record<string, boolean>;
    scripts: Record<string, string>;
  }
>('package.json');
const lock = read<{ lockfileVersion: number; packages: Record<string, LockedPackage> }>('package-lock.json');
const locked = Object.entries(lock.packages).filter(([path]) => path !== '');

test('every dependency is pinned to one version, and the lock file holds that one', () => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const [name, wanted] of Object.entries(all)) {
    // An alias names the package that stands behind it.
    const version = wanted.replace(/^npm:.+@/, '');
    expect({ name, exact: /^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version) }).toEqual({ name, exact: true });
    expect({ name, version: lock.packages[`node_modules/${name}`]?.version }).toEqual({ name, version });
  }
});

test('what the lock file names is known by its content; only what other machines take may lack that', () => {
  expect(lock.lockfileVersion).toBe(3);
  expect(locked.filter(([, entry]) => entry.integrity === undefined && !entry.link && !entry.optional).map(([path]) => path)).toEqual([]);
  expect(
    locked.filter(([, entry]) => entry.integrity !== undefined && !entry.integrity.startsWith('sha512-')).map(([path]) => path),
  ).toEqual([]);
  expect(locked.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
});

test('of the packages that bring an install script each is named, and only one may run its', () => {
  const withScript = new Set(
    locked
      .filter(([, entry]) => entry.hasInstallScript)
      .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)),
  );
  expect(Object.keys(manifest.allowScripts).sort()).toEqual([...withScript].sort());
  expect(Object.entries(manifest.allowScripts).filter(([, allowed]) => allowed)).toEqual([['node', true]]);
});

test('we have no install script of our own', () => {
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) expect(manifest.scripts[name]).toBeUndefined();
});

test('each exception to the audit says what, why and until when, and none is past its date', () => {
  const today = new Date().toISOString().slice(0, 10);
  for (const { advisory, until, why } of read<AllowedAdvisory[]>('deploy/audit-allowed.json')) {
    expect(advisory).toMatch(/^GHSA-/);
    expect(why.length).toBeGreaterThan(20);
    expect({ advisory, past: !(until >= today) }).toEqual({ advisory, past: false });
  }
});

test('CI asks, and installs what its tests want', () => {
  const ci = readFileSync('.ci/run', 'utf8');
  expect(ci).toContain('npm run -s audit');
  expect(ci).toContain('slowhttptest');
});

describe('the audit', () => {
  const report = (...advisories: string[]) =>
    JSON.stringify({
      vulnerabilities: Object.fromEntries(
        advisories.map((id) => [
          `lib-${id}`,
          { via: ['another', { name: 'lib', title: 'Bad', severity: 'high', url: `https://github.com/advisories/${id}` }] },
        ]),
      ),
      metadata: {},
    });
  const entry = { advisory: 'GHSA-aaaa', why: 'no caller can reach it', until: '2026-06-30' };

  test('is clean without findings, or with those that are let be', () => {
    expect(auditVerdict(report(), [], '2026-06-01').kind).toBe('clean');
    expect(auditVerdict(report('GHSA-aaaa'), [entry], '2026-06-30').kind).toBe('clean');
  });

  test('fails for any other finding, and names it', () => {
    expect(auditVerdict(report('GHSA-aaaa', 'GHSA-bbbb'), [entry], '2026-06-01')).toEqual({
      kind: 'found',
      lines: ['GHSA-bbbb high: lib: Bad'],
    });
  });

  test('fails for an exception past its date, even when the registry does not answer', () => {
    for (const text of [report(), report('GHSA-aaaa'), '{"message":"405"}'])
      expect(auditVerdict(text, [entry], '2026-07-01')).toMatchObject({
        kind: 'found',
        lines: [expect.stringContaining('GHSA-aaaa was let be until 2026-06-30')],
      });
  });

  test.each([['{"message":"405 Method Not Allowed","error":{}}'], ['{}'], ['<html>'], ['']])(
    'is not done when the answer is no report: %s',
    (text) => {
      expect(auditVerdict(text, [], '2026-06-01').kind).toBe('not_checked');
    },
  );
});
