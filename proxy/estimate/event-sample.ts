/**
 * Keeps a stream's events undecoded as they go by, within a call's share, for the case that no usage comes.
 * Costs a copy of the bytes and nothing else; what finds no room is only measured.
 */
import type { Share } from './held-bytes.ts';
import type { EventSample } from './job.ts';

/** What an entry costs beside its bytes. */
const EVENT_OVERHEAD_BYTES = 96;

export class EventKeeper {
  readonly #share: Share;
  #events: Buffer[] = [];
  #keptBytes = 0;
  #droppedBytes = 0;
  #incomplete = false;

  constructor(share: Share) {
    this.#share = share;
  }

  keep(data: Buffer): void {
    if (this.#share.reserve(data.length + EVENT_OVERHEAD_BYTES)) {
      this.#events.push(Buffer.from(data));
      this.#keptBytes += data.length;
    } else this.#droppedBytes += data.length;
  }

  /** An event went by that cannot be kept. */
  miss(): void {
    this.#incomplete = true;
  }

  /** Null when it would not stand for the whole. */
  sample(names: readonly string[]): EventSample | null {
    if (this.#incomplete || (this.#keptBytes === 0 && this.#droppedBytes > 0)) return null;
    const scale = this.#keptBytes === 0 ? 1 : (this.#keptBytes + this.#droppedBytes) / this.#keptBytes;
    return { events: this.#events.map((event) => event.toString('utf8')), names, scale };
  }

  drop(): void {
    this.#events = [];
    this.#share.releaseAll();
  }
}
