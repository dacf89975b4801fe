/**
 * Bodies that come too slowly: in each window an upload must bring some bytes, else it is given up. A slow line passes,
 * a client that drips bytes to hold a connection does not. Nothing is asked of an upload that waits for us: whose bytes
 * have arrived and are not read because the provider takes no more.
 */
import type { Caller } from './server/caller.ts';
import { type Listed, UNLISTED, UnorderedList } from './unordered-list.ts';

export interface SlowUploadLimits {
  /** 0: no limit. */
  readonly window_ms: number;
  readonly bytesMin: number;
}

/** A request whose body is watched. */
export interface WatchedUpload extends Listed {
  readonly req: Caller;
  readonly giveUp: () => void;
  since_ms: number;
  bytes: number;
}

const LOOK_MS_MAX = 5_000;

export class SlowUploads {
  readonly #limits: SlowUploadLimits;
  readonly #uploads = new UnorderedList<WatchedUpload>();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(limits: SlowUploadLimits) {
    this.#limits = limits;
    if (limits.window_ms === 0) return;
    this.#timer = setInterval(() => this.#look(performance.now()), Math.min(LOOK_MS_MAX, Math.ceil(limits.window_ms / 4)));
    this.#timer.unref();
  }

  /** From the headers on; `giveUp` is called at most once. */
  watch(req: Caller, giveUp: () => void): WatchedUpload | undefined {
    if (this.#timer === undefined) return undefined;
    const upload = { req, giveUp, since_ms: performance.now(), bytes: req.socket.bytesRead, at: UNLISTED };
    this.#uploads.add(upload);
    return upload;
  }

  /** The call is over, whatever became of its body. */
  forget(upload: WatchedUpload): void {
    this.#uploads.remove(upload);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(now_ms: number): void {
    for (const upload of this.#uploads) this.#check(upload, now_ms);
  }

  #check(upload: WatchedUpload, now_ms: number): void {
    const { req } = upload;
    const { bytesRead } = req.socket;
    if (req.complete || req.destroyed) this.forget(upload);
    else if (req.readableLength > 0 || bytesRead - upload.bytes >= this.#limits.bytesMin) {
      upload.since_ms = now_ms;
      upload.bytes = bytesRead;
    } else if (now_ms - upload.since_ms >= this.#limits.window_ms) {
      this.forget(upload);
      upload.giveUp();
    }
  }
}
