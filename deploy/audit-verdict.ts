/**
 * What `npm audit --json` says, against the list of what is known and let be for a while. Takes the report's text and
 * the list; gives one verdict. An entry past its date counts against us, whatever the report says. Pure.
 */

/** A known finding that does not hold up a release until `until`, the last day of its grace. */
export interface AllowedAdvisory {
  readonly advisory: string;
  readonly until: string;
  readonly why: string;
}

export type AuditVerdict =
  | { readonly kind: 'clean'; readonly lines: readonly string[] }
  | { readonly kind: 'found'; readonly lines: readonly string[] }
  | { readonly kind: 'not_checked'; readonly lines: readonly string[] };

export function auditVerdict(report: string, allowed: readonly AllowedAdvisory[], today: string): AuditVerdict {
  const stale = allowed
    .filter(({ until }) => !(until >= today))
    .map(({ advisory, until }) => `${advisory} was let be until ${until}: mend it, or look again and say until when`);
  const findings = readFindings(report);
  if (stale.length > 0) return { kind: 'found', lines: stale };
  if ('problem' in findings) return { kind: 'not_checked', lines: [findings.problem] };
  const known = new Set(allowed.map(({ advisory }) => advisory));
  const lines = findings.list.filter(({ advisory }) => !known.has(advisory)).map(({ advisory, text }) => `${advisory} ${text}`);
  return lines.length > 0
    ? { kind: 'found', lines }
    : { kind: 'clean', lines: findings.list.map(({ advisory }) => `${advisory} is known and let be for now`) };
}

interface Finding {
  readonly advisory: string;
  readonly text: string;
}

/** Anything that is not a whole report was not a check, and must not pass for one. */
function readFindings(report: string): { readonly list: readonly Finding[] } | { readonly problem: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(report);
  } catch {
    return { problem: `npm audit gave no report: ${report.trim().slice(0, 200) || 'nothing'}` };
  }
  const { message, vulnerabilities, metadata } = parsed as Record<string, unknown>;
  if (typeof vulnerabilities !== 'object' || vulnerabilities === null || metadata === undefined)
    return { problem: typeof message === 'string' ? message : 'npm audit gave something that is no report' };
  const found = new Map<string, Finding>();
  for (const entry of Object.values(vulnerabilities) as { via?: unknown }[])
    for (const via of Array.isArray(entry.via) ? (entry.via as unknown[]) : []) {
      if (typeof via !== 'object' || via === null) continue;
      const { name, severity, title, url } = via as Record<string, unknown>;
      const advisory = /GHSA-[\w-]+/.exec(String(url))?.[0] ?? String(url);
      found.set(advisory, { advisory, text: `${String(severity)}: ${String(name)}: ${String(title)}` });
    }
  return { list: [...found.values()] };
}
