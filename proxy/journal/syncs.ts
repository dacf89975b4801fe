/**
 * When the journal's files are forced to the disk, and who waits until they are: one round at a time, whoever comes meanwhile
 * shares the next. No disk is waited for longer than SYNC_MS_MAX. Writes nothing itself.
 */
import { fdatasync } from 'node:fs';
import type { Settings } from '../../contract/config.ts';

/** A client waits no longer than this for its end, whatever was asked of the disk. */
const SYNC_MS_MAX = 2_000;

export interface SyncsOptions {
  readonly fsync: Settings['journal']['fsync'];
  /** Who waits may wait for what is not written yet: writes it, and says whether the disk took it. */
  readonly prepare: () => boolean;
  readonly currentFile: () => number | undefined;
  /** The disk gave a fault, or (`stalled`) none of its answers. */
  readonly onFault: (error: Error, code?: string) => void;
}

export class Syncs {
  readonly #options: SyncsOptions;
  /** Something was written since the last round began. */
  #due = false;
  #running = false;
  /** The disk has not come back from a round: nobody waits for it. */
  #hangs = false;
  /** Files of full segments that are not synced yet: what is in them is not in the next one's fdatasync. */
  #full: number[] = [];
  #waiting: (() => void)[] = [];

  constructor(options: SyncsOptions) {
    this.#options = options;
  }

  /** Whether a record is safe only once it is synced. */
  get areWaitedFor(): boolean {
    return this.#options.fsync === 'always' && !this.#hangs;
  }

  wait(done: () => void): void {
    this.#waiting.push(done);
  }

  /** Nobody waits any more. */
  release(): void {
    for (const done of this.#waiting.splice(0)) done();
  }

  written(): void {
    this.#due = true;
  }

  fileIsFull(file: number): void {
    if (this.#options.fsync === 'never') return;
    this.#full.push(file);
    this.#due = true;
  }

  /** A turn has been written. */
  afterWrite(): void {
    // Starts too, for which no call waits: they are safe long before the provider has answered.
    if (this.#options.fsync === 'always') this.#run();
  }

  eachSecond(): void {
    if (this.#options.fsync === 'second' && this.#due) this.#run();
  }

  #run(): void {
    if (this.#running || !this.#options.prepare()) return;
    if (!this.#due && this.#waiting.length === 0) return;
    this.#due = false;
    const current = this.#options.currentFile();
    const files = current === undefined ? this.#full.splice(0) : [...this.#full.splice(0), current];
    const waiting = this.#waiting.splice(0);
    const release = (): void => {
      for (const done of waiting.splice(0)) done();
    };
    const limit = setTimeout(() => {
      this.#hangs = true;
      this.#options.onFault(new Error(`the disk took more than ${SYNC_MS_MAX} ms for a sync`), 'stalled');
      release();
    }, SYNC_MS_MAX).unref();
    this.#running = true;
    syncAll(files, (error) => {
      clearTimeout(limit);
      this.#running = false;
      this.#hangs = false;
      if (error !== undefined) this.#options.onFault(error);
      release();
      if (this.#waiting.length > 0 || (this.#due && this.#options.fsync === 'always')) this.#run();
    });
  }
}

/** Gives the first fault of the disk, once all are through. */
function syncAll(files: readonly number[], done: (error?: Error) => void): void {
  let left = files.length;
  let fault: Error | undefined;
  if (left === 0) done();
  for (const file of files)
    fdatasync(file, (error) => {
      // The segment was shipped and deleted meanwhile, which is safer still, and its number may be a socket's now.
      if (error && error.code !== 'EBADF' && error.code !== 'EINVAL') fault ??= error;
      left -= 1;
      if (left === 0) done(fault);
    });
}
