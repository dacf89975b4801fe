/**
 * Numbers as a person reads them. Takes values of the API, gives text; what is not known is a dash,
 * never a zero. Pure, and the only place where figures become text.
 */
export const UNKNOWN = '–';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** Three significant digits where they matter: 12.3k, 4.57M. */
export function formatCount(value: number | null): string {
  if (value === null) return UNKNOWN;
  if (Math.abs(value) < 10_000) return whole.format(value);
  // 999,950 would be written 1000k: it belongs to the next size.
  for (const [size, suffix] of [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const)
    if (Math.abs(value) >= size * 0.9995) return `${fixed(value / size)}${suffix}`;
  return whole.format(value);
}

export function formatWhole(value: number | null): string {
  return value === null ? UNKNOWN : whole.format(value);
}

/** Dollars: cents from one dollar up, three significant digits below. */
export function formatCost(usd: number | null): string {
  if (usd === null) return UNKNOWN;
  if (usd === 0) return '$0';
  if (usd >= 100_000) return `$${formatCount(usd)}`;
  if (usd >= 1) return `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return `$${fixed(usd)}`;
}

/** Round values on an axis: no more digits than they have. */
export function formatCostTick(usd: number | null): string {
  return usd === null || usd >= 10_000 ? formatCost(usd) : `$${digits(usd, 3)}`;
}

export function formatDurationTick(ms: number | null): string {
  if (ms === null || ms === 0) return '0';
  if (ms < 1000) return `${digits(ms, 3)} ms`;
  return ms < 120_000 ? `${digits(ms / 1000, 3)} s` : `${digits(ms / 60_000, 3)} min`;
}

export function formatCountTick(value: number | null): string {
  return value !== null && value >= 10_000 ? formatCount(value).replace(/\.0+(?=\D)/, '') : formatCount(value);
}

export function formatDuration(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  if (ms < 1) return `${digits(ms, 2)} ms`;
  if (ms < 999.5) return `${digits(ms, ms < 10 ? 2 : 3)} ms`;
  if (ms < 59_950) return `${fixed(ms / 1000)} s`;
  const minutes = Math.floor(Math.round(ms / 1000) / 60);
  if (minutes < 60) return `${minutes}m ${String(Math.round(ms / 1000) % 60).padStart(2, '0')}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, '0')}m`;
}

export function formatPercent(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return UNKNOWN;
  const percent = share * 100;
  if (percent === 0) return '0%';
  if (percent < 0) return `−${formatPercent(-share)}`;
  if (percent < 0.01) return '<0.01%';
  if (percent > 99.99 && percent < 100) return '>99.99%';
  return `${percent.toFixed(percent < 1 ? 2 : percent < 99.95 ? 1 : 0)}%`;
}

export function formatBytes(bytes: number | null): string {
  if (bytes === null) return UNKNOWN;
  if (bytes < 1024) return `${digits(bytes, 4)} B`;
  if (bytes < 1024 ** 2) return `${digits(bytes / 1024, 3)} KiB`;
  if (bytes < 1024 ** 3) return `${digits(bytes / 1024 ** 2, 3)} MiB`;
  return `${digits(bytes / 1024 ** 3, 3)} GiB`;
}

/** A part of a whole; NULL when either is not known or the whole is empty. */
export function share(part: number | null, total: number | null): number | null {
  return part === null || total === null || total === 0 ? null : part / total;
}

/** Change against `before`, as a signed percentage; undefined when there is nothing to compare with. */
export function formatChange(now: number | null, before: number | null): { text: string; direction: -1 | 0 | 1 } | undefined {
  if (now === null || before === null || before === 0) return undefined;
  const change = now / before - 1;
  if (Math.abs(change) < 0.005) return { text: '0%', direction: 0 };
  const direction = change > 0 ? 1 : -1;
  if (change > 9.995) return { text: `×${digits(now / before, 2)}`, direction };
  return { text: `${Math.round(Math.abs(change) * 100)}%`, direction };
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const dayClock = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const shortClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Local time of day; with the date when it is not today's. */
export function formatTime(iso: string, now: Date = new Date()): string {
  const time = new Date(iso);
  return time.toDateString() === now.toDateString() ? clock.format(time) : `${day.format(time)}, ${clock.format(time)}`;
}

/** A bucket's label, as fine as the buckets are. */
export function formatBucket(seconds: number, bucketSeconds: number, long = false): string {
  const time = new Date(seconds * 1000);
  if (bucketSeconds >= 86_400) return day.format(time);
  if (long) return `${day.format(time)}, ${(bucketSeconds < 60 ? clock : shortClock).format(time)}`;
  if (bucketSeconds >= 7200) return dayClock.format(time);
  return (bucketSeconds < 60 ? clock : shortClock).format(time);
}

/** Times come from the address bar, so they may be anything: what is no time is shown as it is. */
export function formatRange(from: string, to: string): string {
  const show = (text: string): string => (Number.isNaN(Date.parse(text)) ? text : dayClock.format(new Date(text)));
  const end = new Date(to);
  // One day is named once.
  const sameDay = !Number.isNaN(end.getTime()) && new Date(from).toDateString() === end.toDateString();
  return `${show(from)} – ${to === '' ? 'now' : sameDay ? shortClock.format(end) : show(to)}`;
}

export function formatSeconds(seconds: number): string {
  for (const [size, name] of [
    [604_800, 'week'],
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
  ] as const)
    if (seconds % size === 0) return seconds === size ? name : `${seconds / size} ${name}s`;
  return seconds === 1 ? 'second' : `${seconds} seconds`;
}

/** Exactly three significant digits, so that columns line up: 1.40, 12.0, 0.0177. */
function fixed(value: number): string {
  return value.toLocaleString('en-US', { minimumSignificantDigits: 3, maximumSignificantDigits: 3, useGrouping: false });
}

/** At most `count` significant digits, without exponent and without trailing zeros. */
function digits(value: number, count: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: count, useGrouping: false });
}
