/** Preloaded into a proxy (`--import`): on SIGUSR2 its system clock is an hour behind, as after a step of NTP. */
const STEP_MS = 3_600_000;
const RealDate = Date;
let behind_ms = 0;

globalThis.Date = class extends RealDate {
  constructor(...values: unknown[]) {
    if (values.length === 0) super(RealDate.now() - behind_ms);
    else super(...(values as [number]));
  }

  static override now(): number {
    return RealDate.now() - behind_ms;
  }
} as DateConstructor;

process.on('SIGUSR2', () => {
  behind_ms = STEP_MS;
});
