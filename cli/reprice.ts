/**
 * `glassway reprice`: prices stored calls anew and shows what that changes before it writes. Takes settings and options
 * as typed; gives the exit code: 0 when done or nothing was to do, 1 when not confirmed or not possible.
 */
import { createInterface } from 'node:readline/promises';
import type { Settings } from '../contract/config.ts';
import { StartError } from '../contract/listen.ts';
import type { Difference, Found } from '../ingest/reprice/changes.ts';
import { reprice } from '../ingest/reprice/reprice.ts';
import { textTable } from './text-table.ts';
import { timeRange } from './time-range.ts';
import { todaysPrices } from './today-prices.ts';
import { connectAsWriter } from './writer-client.ts';

export interface RepriceArguments {
  readonly since: string;
  readonly until?: string;
  readonly project?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export interface RepriceCommand {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly arguments: RepriceArguments;
  readonly signal: AbortSignal;
  readonly input: NodeJS.ReadStream;
  readonly out: NodeJS.WritableStream;
}

const SHOWN_MAX = 100;

export async function runReprice(options: RepriceCommand): Promise<number> {
  const { settings, signal, out } = options;
  const say = (text: string): void => {
    out.write(`${text}\n`);
  };
  const { since, until } = timeRange(options.arguments, new Date());
  const { project, dryRun = false, yes = false } = options.arguments;
  if (!(dryRun || yes || options.input.isTTY))
    throw new StartError('Nobody is here to confirm: add --yes to write, or --dry-run to look only.');
  if (settings.clickhouse.cluster !== undefined)
    throw new StartError(
      'Stored calls of a cluster (clickhouse.cluster) cannot be repriced: it changes rows and exchanges partitions, which Distributed tables do not take. New calls get the new prices.',
    );
  const pricer = await todaysPrices(settings);
  const client = await connectAsWriter(settings, options.dataDir, 'glassway-reprice');
  try {
    say(`Prices: ${pricer.overrides.list.length === 0 ? '' : `${pricer.overrides.version}, `}${pricer.catalogue().version}.`);
    const result = await reprice({
      client,
      database: settings.clickhouse.database,
      since,
      until,
      project,
      price: pricer.price,
      dryRun,
      signal,
      say,
      confirm: async (found) => {
        say(foundText(found));
        return !dryRun && found.changed > 0 && (yes || (await ask(options)));
      },
    });
    if (result.found.changed === 0 && !dryRun) say(foundText(result.found));
    if (result.written && result.found.changed > 0) say(`${result.found.changed.toLocaleString('en-US')} calls have their new cost.`);
    if (result.monthsRebuilt.length > 0) say(`The sums of ${result.monthsRebuilt.length} months say the same.`);
    if (result.minutesKept > 0) say(`${result.minutesKept} minutes keep their sums: their calls are partly past retention.`);
    return result.written || dryRun ? 0 : 1;
  } catch (error) {
    if (signal.aborted) throw new StartError('Stopped. What was written stays; run the same command again to finish.', { cause: error });
    throw error;
  } finally {
    await client.close();
  }
}

async function ask({ input, out, signal }: RepriceCommand): Promise<boolean> {
  const terminal = createInterface({ input, output: out });
  try {
    return /^y(es)?$/i.test((await terminal.question('Write this? [y/N] ', { signal })).trim());
  } finally {
    terminal.close();
  }
}

function foundText({ differences, calls, changed }: Found): string {
  const head = `${calls.toLocaleString('en-US')} calls looked at, ${changed.toLocaleString('en-US')} cost something else today.`;
  if (changed === 0) return head;
  const sorted = [...differences].sort((a, b) => Math.abs(b.afterUsd - b.beforeUsd) - Math.abs(a.afterUsd - a.beforeUsd));
  const total: Difference = {
    project: 'all',
    provider: '',
    model: '',
    calls: 0,
    changed: 0,
    beforeUsd: 0,
    afterUsd: 0,
    unpricedBefore: 0,
    unpricedAfter: 0,
  };
  for (const key of ['calls', 'changed', 'beforeUsd', 'afterUsd', 'unpricedBefore', 'unpricedAfter'] as const)
    for (const difference of sorted) total[key] += difference[key];
  const columns = [
    ...['project', 'provider', 'model'].map((title) => ({ title, align: 'left' as const })),
    ...['calls', 'changed', 'US$ before', 'US$ after', 'difference', 'not priced before', 'after'].map((title) => ({
      title,
      align: 'right' as const,
    })),
  ];
  const rest = sorted.length > SHOWN_MAX ? `\n  … and ${sorted.length - SHOWN_MAX} more lines, in the sum` : '';
  return `${head}\n\n${textTable(columns, [...sorted.slice(0, SHOWN_MAX), total].map(cells))}${rest}\n`;
}

function cells({ project, provider, model, calls, changed, beforeUsd, afterUsd, unpricedBefore, unpricedAfter }: Difference): string[] {
  const usd = (value: number) => value.toFixed(6);
  const difference = afterUsd - beforeUsd;
  return [
    project,
    provider,
    model,
    String(calls),
    String(changed),
    usd(beforeUsd),
    usd(afterUsd),
    `${difference < 0 ? '' : '+'}${usd(difference)}`,
    String(unpricedBefore),
    String(unpricedAfter),
  ];
}
