/**
 * How the demo looks on a terminal: one line of progress, and a table at the end. Pure text, no I/O.
 */
import { emptyTally, type MockTotals, type Tally } from './totals.ts';
import type { ProjectSummary, TrafficProgress, TrafficSummary } from './traffic.ts';

const BAR_WIDTH = 24;

export function progressLine(progress: TrafficProgress): string {
  const { sent, failed, aborted, inFlight, elapsed_s, total_s } = progress;
  const done = Math.min(elapsed_s / total_s, 1);
  const filled = Math.round(done * BAR_WIDTH);
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`;
  const rate = elapsed_s > 0 ? sent / elapsed_s : 0;
  const share = sent > 0 ? ` (${((100 * failed) / sent).toFixed(1)} %)` : '';
  const errors = `${failed} error${failed === 1 ? '' : 's'}${share}`;
  return `${bar} ${clock(elapsed_s)} / ${clock(total_s)}  ${sent} calls  ${rate.toFixed(1)}/s  ${errors}  ${aborted} hung up  ${inFlight} in flight`;
}

export function summaryText(summary: TrafficSummary, sent: MockTotals): string {
  const tallies = tokensByLabel(sent);
  const rows = [...summary.projects].sort((a, b) => b.calls - a.calls).map((each) => row(each, tallies.get(each.project) ?? emptyTally()));
  const all: ProjectSummary = { project: 'all', calls: summary.sent, ok: summary.ok, failed: summary.failed, aborted: summary.aborted };
  const total = emptyTally();
  for (const each of summary.projects) addTally(total, tallies.get(each.project) ?? emptyTally());
  const head = ['project', 'calls', 'ok', 'errors', 'hung up', 'input tokens', 'output tokens'];
  const lines = table([head, ...rows, row(all, total)]);
  const problems = [...summary.problems].map(([code, count]) => `${code} ${count}`).join(', ');
  if (problems !== '') lines.push('', `On the way: ${problems}`);
  if (summary.delayed > 0) lines.push(`${summary.delayed} calls were sent late: too many were in flight.`);
  return lines.join('\n');
}

/** Tokens that the provider reported, whether or not the call then ended well. */
function tokensByLabel(sent: MockTotals): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const cell of sent.cells) {
    const tally = tallies.get(cell.label) ?? emptyTally();
    tallies.set(cell.label, tally);
    addTally(tally, cell);
  }
  return tallies;
}

function addTally(sum: Tally, part: Tally): void {
  for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += part[key];
}

function row(counts: ProjectSummary, tokens: Tally): string[] {
  const numbers = [counts.calls, counts.ok, counts.failed, counts.aborted, tokens.input_tokens, tokens.output_tokens];
  return [counts.project, ...numbers.map((number) => number.toLocaleString('en-US'))];
}

/** The first column to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
  return rows.map((cells) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
  );
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
