/**
 * Bodies that come too slowly: in each window an upload must bring some bytes, else it is given up. A slow line passes,
 * a client that drips bytes to hold a connection does not. Nothing is asked of an upload that waits for us: whose bytes
 * have arrived and are not read because the provider takes no more.
 */
import type { IncomingMessage } from 'node:http';

export interface SlowUploadLimits {
  /** 0: no limit. */
  readonly window_ms: number;
  readonly bytesMin: number;
}

interface Upload {
  readonly giveUp: () => void;
  since_ms: number;
  bytes: number;
}

const LOOK_MS_MAX = 5_000;

export class SlowUploads {
  readonly #limits: SlowUploadLimits;
  readonly #uploads = new Map<IncomingMessage, Upload>();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(limits: SlowUploadLimits) {
    this.#limits = limits;
    if (limits.window_ms === 0) return;
    this.#timer = setInterval(() => this.#look(performance.now()), Math.min(LOOK_MS_MAX, Math.ceil(limits.window_ms / 4)));
    this.#timer.unref();
  }

  /** From the headers on; `giveUp` is called at most once. */
  watch(req: IncomingMessage, giveUp: () => void): void {
    if (this.#timer !== undefined) this.#uploads.set(req, { giveUp, since_ms: performance.now(), bytes: req.socket.bytesRead });
  }

  /** The call is over, whatever became of its body. */
  forget(req: IncomingMessage): void {
    this.#uploads.delete(req);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(now_ms: number): void {
    for (const [req, upload] of this.#uploads) {
      const { bytesRead } = req.socket;
      if (req.complete || req.destroyed) this.#uploads.delete(req);
      else if (req.readableLength > 0 || bytesRead - upload.bytes >= this.#limits.bytesMin) {
        upload.since_ms = now_ms;
        upload.bytes = bytesRead;
      } else if (now_ms - upload.since_ms >= this.#limits.window_ms) {
        this.#uploads.delete(req);
        upload.giveUp();
      }
    }
  }
}
