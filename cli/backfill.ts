/**
 * `glassway backfill`: makes the sums that dashboards read know of calls that are older than they (after an upgrade that brought
 * new ones). Takes settings and options as typed; gives the exit code: 0 when done or nothing was to do.
 */
import type { Settings } from '../contract/config.ts';
import { StartError } from '../contract/listen.ts';
import { backfill } from '../ingest/backfill/backfill.ts';
import { connectAsWriter } from './writer-client.ts';

export interface BackfillCommand {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly out: NodeJS.WritableStream;
}

export async function runBackfill({ settings, dataDir, dryRun, signal, out }: BackfillCommand): Promise<number> {
  const say = (text: string): void => {
    out.write(`${text}\n`);
  };
  if (settings.clickhouse.cluster !== undefined)
    throw new StartError(
      'The sums of a cluster (clickhouse.cluster) cannot be filled: partitions are exchanged, which Distributed tables do not take. docs/deploy.md says what to do on each node.',
    );
  const client = await connectAsWriter(settings, dataDir, 'glassway-backfill');
  try {
    const { months } = await backfill({
      client,
      database: settings.clickhouse.database,
      since: new Date(0),
      until: new Date(),
      project: undefined,
      signal,
      dryRun,
      say,
    });
    if (months === 0) say('All sums know all calls; nothing to do.');
    else say(dryRun ? 'Nothing was written (--dry-run).' : 'All sums know all calls now.');
    return 0;
  } catch (error) {
    if (signal.aborted) throw new StartError('Stopped. What was written stays; run the same command again to finish.', { cause: error });
    throw error;
  } finally {
    await client.close();
  }
}
