/**
 * Exports what was kept back: own slots that a resting receiver or a full queue left incomplete, and the slots of ingests
 * that died. Reads them from the table, oldest first, at a limited pace, whenever the destination lets itself be tried.
 * Gives up what is older than the settings allow, and counts it. Runs until it is stopped; never throws.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../contract/log.ts';
import { errorText } from '../error-text.ts';
import type { RouteName, Routing } from './destinations.ts';
import type { Ledger, Slot, SlotKey } from './ledger.ts';
import type { Outbox, SpanResult } from './outbox.ts';
import type { SpanCall } from './span-call.ts';
import { type StoredCalls, slotRange } from './stored-calls.ts';

export interface LateOptions {
  readonly ledger: Ledger;
  readonly routing: Routing;
  /** The outbox of each route that there is. */
  readonly outboxes: ReadonlyMap<RouteName, Outbox>;
  readonly stored: StoredCalls;
  readonly isExported: (call: SpanCall) => boolean;
  readonly within_s: number;
  readonly spansPerSecond: number;
  readonly takeOverAfter_s: number;
  readonly onSpans: (result: SpanResult, count: number) => void;
  readonly isReady: () => boolean;
  readonly log: Log;
}

const ROUND_MS = 1_000;
/** So many chances to say that it lives before others think it dead. */
const SIGNS_OF_LIFE = 4;

export function startLate(options: LateOptions): { stop(): Promise<void> } {
  const { ledger, log } = options;
  const stopping = new AbortController();
  const takenOver = new Map<RouteName, SlotKey[]>();
  const busy = new Set<Outbox>();
  let lifeDue_ms = 0;
  let troubled = false;

  const round = async (): Promise<void> => {
    if (!options.isReady()) return;
    const now_ms = performance.now();
    if (now_ms >= lifeDue_ms) {
      lifeDue_ms = now_ms + (options.takeOverAfter_s * 1_000) / SIGNS_OF_LIFE;
      await ledger.sayAlive();
      for (const slot of await ledger.takeOver([...options.outboxes.keys()]))
        takenOver.set(slot.route, [...(takenOver.get(slot.route) ?? []), slot]);
    }
    await ledger.flush();
    const own = Map.groupBy(ledger.late(), ({ route }) => route);
    for (const [route, outbox] of options.outboxes) {
      const slots: (Slot | SlotKey)[] = [...(takenOver.get(route) ?? []), ...(own.get(route) ?? [])];
      if (slots.length === 0 || busy.has(outbox) || !outbox.mayTry) continue;
      busy.add(outbox);
      // One receiver that hangs must not keep the others' spans waiting, nor our signs of life.
      void exportSlots(outbox, slots)
        .catch(report)
        .finally(() => busy.delete(outbox));
    }
  };

  async function exportSlots(outbox: Outbox, slots: readonly SlotKey[]): Promise<void> {
    for (const slot of slots) {
      if (stopping.signal.aborted) return;
      const isOver = isTooOld(slot) ? await giveUp(slot) : await exportSlot(outbox, slot);
      if (!isOver) return;
      takenOver.set(
        slot.route,
        (takenOver.get(slot.route) ?? []).filter((each) => each !== slot),
      );
    }
  }

  const isTooOld = ({ second }: SlotKey): boolean => Date.now() / 1_000 - second > options.within_s;

  async function giveUp(slot: SlotKey): Promise<boolean> {
    const lost = await options.stored.count(slotRange(slot, options.routing.condition(slot.route)));
    options.onSpans('given_up', lost);
    log(
      'warn',
      `${lost} spans were kept back for longer than traces.resendWithin and are given up; glassway traces resend can still export them`,
    );
    ledger.close(slot, 'given_up');
    return true;
  }

  /** Whether all of it arrived. */
  async function exportSlot(outbox: Outbox, slot: SlotKey): Promise<boolean> {
    for await (const page of options.stored.pages(slotRange(slot, options.routing.condition(slot.route)))) {
      const calls = page.filter(options.isExported);
      const started_ms = performance.now();
      if (stopping.signal.aborted || !(await outbox.exportNow(calls))) return false;
      await sleep(Math.max(0, (calls.length / options.spansPerSecond) * 1_000 - (performance.now() - started_ms)));
    }
    ledger.close(slot);
    return true;
  }

  const report = (error: unknown): void => {
    if (!(troubled || stopping.signal.aborted)) log('warn', `what was not exported cannot be kept track of now: ${errorText(error)}`);
    troubled = true;
  };

  const running = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await round();
        troubled = false;
      } catch (error) {
        report(error);
      }
      await sleep(ROUND_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
