/**
 * Remembers in ClickHouse which spans still have to be exported, so that no crash and no dead receiver loses one, with a
 * few rows a minute whatever the traffic. The unit is a slot: ten seconds of the rows that one ingest wrote for one route.
 * A slot is recorded as open before the first of its rows is inserted, and as done once every span of it has arrived.
 * What is open of an ingest that no longer says that it lives is anybody's: whoever records himself as the owner last, has it.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { RouteName } from './destinations.ts';

export const SLOT_SECONDS = 10;
/** A batch whose insert failed may still be committed by the server until its own limits end it. */
const UNCERTAIN_MS = 90_000;
const ORPHANS_AT_ONCE_MAX = 50;
/** Slots are opened for now; older ones than this can only be closed. */
const RECENT_SECONDS = 600;

/** Ten seconds of one ingest's rows, as anyone may read them again. */
export interface SlotKey {
  /** Its start, seconds since 1970. */
  readonly second: number;
  readonly ingestId: string;
  readonly route: RouteName;
}

/** A slot of this ingest's own. */
export class Slot implements SlotKey {
  readonly second: number;
  readonly ingestId: string;
  readonly route: RouteName;
  /** Resolves once it is recorded as open. */
  opened: Promise<void> = Promise.resolve();
  /** Spans on their way. */
  pending = 0;
  /** Not all of its spans are on their way: they have to be read from the table. */
  incomplete = false;
  /** Not to be read from the table before this moment. */
  notBefore_ms = 0;

  constructor(key: SlotKey) {
    this.second = key.second;
    this.ingestId = key.ingestId;
    this.route = key.route;
  }

  /** Spans have arrived, or never will and need not. */
  settle(count = 1): void {
    this.pending -= count;
  }

  /** Spans are given up here, for the table to give again. */
  defer(count = 1): void {
    this.pending -= count;
    this.incomplete = true;
  }

  /** Whether the batch was inserted is not known. */
  doubt(count: number): void {
    this.defer(count);
    this.notBefore_ms = Date.now() + UNCERTAIN_MS;
  }
}

interface LedgerRow {
  readonly slot: number;
  readonly ingest_id: string;
  readonly route: string;
  readonly state: 'open' | 'done' | 'given_up' | 'alive' | 'gone';
  readonly owner: string;
}

export interface LedgerOptions {
  readonly client: ClickHouseClient;
  readonly database: string;
  readonly ingestId: string;
  readonly takeOverAfter_s: number;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #slots = new Map<string, Slot>();
  /** Batches in work, by the second that their rows will say. */
  readonly #working = new Map<number, number>();
  /** Closed since the last flush. */
  readonly #closed: LedgerRow[] = [];
  /** Every slot before it is done. */
  #scanFrom_s = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** A batch begins whose rows will be of this moment; gives the second of its slots. */
  begin(ingestedAt_ms: number): number {
    const second = Math.floor(ingestedAt_ms / 1_000 / SLOT_SECONDS) * SLOT_SECONDS;
    this.#working.set(second, (this.#working.get(second) ?? 0) + 1);
    return second;
  }

  end(second: number): void {
    const left = (this.#working.get(second) ?? 1) - 1;
    if (left === 0) this.#working.delete(second);
    else this.#working.set(second, left);
  }

  /** The slot, being recorded as open if it was not. */
  enter(second: number, route: RouteName, spans: number): Slot {
    const key = `${second} ${route}`;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = new Slot({ second, route, ingestId: this.#options.ingestId });
      this.#slots.set(key, slot);
      const opening = this.#write([this.#row(slot, 'open')]);
      slot.opened = opening;
      // Whoever waits for it hears of the fault; the next batch tries again.
      opening.catch(() => this.#slots.delete(key));
    }
    slot.pending += spans;
    return slot;
  }

  /** Own slots that nothing more comes into and whose spans have to be read from the table, oldest first. */
  late(): Slot[] {
    const now_ms = Date.now();
    return [...this.#slots.values()].filter((slot) => slot.incomplete && this.#isSealed(slot) && slot.notBefore_ms <= now_ms);
  }

  /** Every span of it has arrived, or is given up. */
  close(slot: SlotKey, state: 'done' | 'given_up' = 'done'): void {
    this.#closed.push(this.#row(slot, state));
    if (slot.ingestId === this.#options.ingestId) this.#slots.delete(`${slot.second} ${slot.route}`);
  }

  /** Records what was closed, and closes own slots that are complete. Call it every second or so. */
  async flush(): Promise<void> {
    for (const slot of this.#slots.values()) if (!slot.incomplete && this.#isSealed(slot)) this.close(slot);
    if (this.#closed.length === 0) return;
    const rows = this.#closed.splice(0);
    try {
      await this.#write(rows);
    } catch (error) {
      this.#closed.unshift(...rows);
      throw error;
    }
  }

  /** Says that this ingest lives. Call it several times within `takeOverAfter_s`. */
  async sayAlive(): Promise<void> {
    await this.#write([this.#life('alive')]);
  }

  /** Takes over some of what dead ingests left, oldest first: `taken` are this one's to export now. */
  async takeOver(routes: readonly RouteName[]): Promise<SlotKey[]> {
    const found = await this.#select<SlotKey>(ORPHANS_SQL, { routes, since: this.#scanFrom_s, limit: ORPHANS_AT_ONCE_MAX });
    const [open] = await this.#select<{ oldest: number }>(OLDEST_OPEN_SQL, { since: this.#scanFrom_s });
    this.#scanFrom_s = Math.min(open?.oldest || Number.POSITIVE_INFINITY, Math.floor(Date.now() / 1_000) - RECENT_SECONDS);
    if (found.length === 0) return [];
    await this.#write(found.map((slot) => this.#row(slot, 'open')));
    // Another may have done the same at the same time: after a moment both see who was last.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const mine = await this.#select<SlotKey>(OWNED_SQL, { since: found[0]?.second ?? 0 });
    const owned = new Set(mine.map(keyText));
    return found.filter((slot) => owned.has(keyText(slot)));
  }

  /** What is still open is anybody's from now on. */
  async leave(): Promise<void> {
    await this.flush();
    const rows = [...this.#slots.values()].map((slot) => ({ ...this.#row(slot, 'open'), owner: '' }));
    await this.#write([...rows, this.#life('gone')]);
  }

  get openSlots(): number {
    return this.#slots.size;
  }

  #isSealed({ second, pending }: Slot): boolean {
    return pending === 0 && !this.#working.has(second) && Date.now() >= (second + SLOT_SECONDS) * 1_000;
  }

  #row({ second, ingestId, route }: SlotKey, state: LedgerRow['state']): LedgerRow {
    return { slot: second, ingest_id: ingestId, route, state, owner: this.#options.ingestId };
  }

  #life(state: 'alive' | 'gone'): LedgerRow {
    return { slot: 0, ingest_id: this.#options.ingestId, route: '', state, owner: this.#options.ingestId };
  }

  async #write(values: LedgerRow[]): Promise<void> {
    const table = `${this.#options.database}.trace_exports`;
    await this.#options.client.insert({ table, values, format: 'JSONEachRow', clickhouse_settings: WRITE_SETTINGS });
  }

  async #select<Row>(query: string, params: Record<string, unknown>): Promise<Row[]> {
    const { client, database, ingestId, takeOverAfter_s } = this.#options;
    const query_params = { database, me: ingestId, silent: takeOverAfter_s, ...params };
    const answer = await client.query({ query, query_params, format: 'JSONEachRow' });
    return answer.json<Row>();
  }
}

/** Answered once it is there, on a cluster too. */
const WRITE_SETTINGS = { async_insert: 0, distributed_foreground_insert: 1 } as const;

const keyText = ({ second, ingestId, route }: SlotKey): string => `${second} ${ingestId} ${route}`;

const OPEN = `
  SELECT toUnixTimestamp(slot) AS second, ingest_id AS ingestId, route, argMax(owner, updated_at) AS holder
  FROM {database:Identifier}.trace_exports
  WHERE slot >= toDateTime({since:UInt32}, 'UTC') AND route != ''
  GROUP BY slot, ingest_id, route
  HAVING argMax(state, updated_at) = 'open'`;
const LIVING = `
  SELECT ingest_id FROM {database:Identifier}.trace_exports WHERE slot = toDateTime(0, 'UTC') AND route = ''
  GROUP BY ingest_id
  HAVING argMax(state, updated_at) = 'alive' AND max(updated_at) > now64(6) - toIntervalSecond({silent:UInt32})`;
const ORPHANS_SQL = `SELECT second, ingestId, route FROM (${OPEN})
  WHERE holder NOT IN (${LIVING}) AND holder != {me:String} AND route IN {routes:Array(String)}
  ORDER BY second LIMIT {limit:UInt32}`;
const OLDEST_OPEN_SQL = `SELECT min(second) AS oldest FROM (${OPEN})`;
const OWNED_SQL = `SELECT second, ingestId, route FROM (${OPEN}) WHERE holder = {me:String}`;
