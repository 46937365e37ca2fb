/** The width of a chart's points. */
export type Interval = 'minute' | 'hour' | 'day';

export const widths: Record<Interval, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** How moments are told: in the reader's own time zone or in UTC. */
export type Zone = 'local' | 'utc';

type Options = Intl.DateTimeFormatOptions;
const kept = new Map<string, Intl.DateTimeFormat>();

function format(options: Options, zone: Zone): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let f = kept.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat('en', { ...options, hourCycle: 'h23', timeZone: zone === 'utc' ? 'UTC' : undefined });
    kept.set(key, f);
  }
  return f;
}

const clock: Options = { hour: '2-digit', minute: '2-digit' };
const day: Options = { day: 'numeric', month: 'short' };

/**
 * Words below an axis: the time of day, with the date where the span is longer
 * than a day. Days of the ledger are UTC days, whatever zone is chosen.
 */
export function tickOf(time: number, interval: Interval, spanMs: number, zone: Zone): string {
  if (interval === 'day') return format(day, 'utc').format(time);
  return format(spanMs > 36 * 3_600_000 ? { ...day, ...clock } : clock, zone).format(time);
}

/** The whole name of a point: "22 Nov 2026, 14:05 – 14:06 UTC". */
export function pointName(time: number, interval: Interval, zone: Zone): string {
  const date: Options = { ...day, year: 'numeric' };
  if (interval === 'day') return `${format(date, 'utc').format(time)} (UTC day)`;
  const from = format({ ...date, ...clock }, zone).format(time);
  const to = format(clock, zone).format(time + widths[interval]);
  return `${from} – ${to}${zone === 'utc' ? ' UTC' : ''}`;
}

/** "UTC+1", "Europe/Berlin": what local time means to the reader. */
export function zoneName(zone: Zone): string {
  return zone === 'utc' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone;
}
