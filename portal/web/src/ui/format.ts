/** A text with a capital at its beginning. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** 12345 → "12,345". */
export function count(n: number): string {
  return n.toLocaleString('en');
}

/**
 * What is left of a limit: "49 of 50 left this day". A rate may have more left than it
 * allows in its window, its burst: "100 left, and 50 more a second".
 */
export function leftOf({ left, limit, window }: { left: number; limit: number; window: string }): string {
  if (!window) return `${count(left)} of ${count(limit)} left`;
  if (left > limit) return `${count(left)} left, and ${count(limit)} more a ${window}`;
  return `${count(left)} of ${count(limit)} left this ${window}`;
}

/** 12345 → "12.3K": for axes and small places. */
export function short(n: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(n);
}

/** Bytes with a binary unit: 1536 → "1.5 KiB". */
export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${i === 0 ? n : n.toLocaleString('en', { maximumFractionDigits: 1 })} ${units[i]}`;
}

/** Milliseconds as a person reads them: 0.42 → "0.42 ms", 1530 → "1.53 s". */
export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toLocaleString('en', { maximumFractionDigits: 2 })} s`;
  return `${ms.toLocaleString('en', { maximumFractionDigits: ms < 10 ? 2 : 0 })} ms`;
}

/** A share of 1 as a percentage. */
export function percent(share: number): string {
  return new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: share < 0.1 ? 2 : 1 }).format(share);
}

/** Cents of a currency: 4900, "usd" → "$49". */
export function money(cents: number, currency: string): string {
  const digits = cents % 100 === 0 ? 0 : 2;
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency: currency.toUpperCase(),
    minimumFractionDigits: digits,
  }).format(cents / 100);
}

/** The same with both digits, for columns and sums: 4900 → "$49.00". */
export function exactMoney(cents: number, currency: string): string {
  return new Intl.NumberFormat('en', { style: 'currency', currency: currency.toUpperCase(), minimumFractionDigits: 2 }).format(cents / 100);
}

const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' });
const utcDay = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const moment = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const exact = new Intl.DateTimeFormat('en', {
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23',
});

/** "22 Nov 2026" in the reader's time zone. */
export const date = (time: string | Date): string => day.format(new Date(time));
/** The same in UTC, by which billing periods begin and end. */
export const utcDate = (time: string | Date): string => utcDay.format(new Date(time));
/** The days of a billing period in UTC, the last one in it: "22 Nov 2026 to 21 Dec 2026"; a single day where all is on it. */
export function dates(from: string | Date, end: string | Date): string {
  const last = new Date(Math.max(new Date(end).getTime() - 1, new Date(from).getTime()));
  return utcDate(from) === utcDate(last) ? utcDate(from) : `${utcDate(from)} to ${utcDate(last)}`;
}
/** Day, hour and minute. */
export const dateTime = (time: string | Date): string => moment.format(new Date(time));
/** To the millisecond, for log lines. */
export const exactTime = (time: string | Date): string => exact.format(new Date(time));

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600], ['month', 2_629_800], ['day', 86_400], ['hour', 3_600], ['minute', 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** "3 minutes ago", "in 2 days", "now". */
export function ago(time: string | Date, now: number = Date.now()): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return Math.abs(seconds) < 10 ? 'now' : relative.format(Math.trunc(seconds), 'second');
}
