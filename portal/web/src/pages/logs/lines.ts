import type { LogRecord } from './tail';

/** How many lines a live view keeps. */
export const kept = 1_000;

/** Puts new lines (oldest first) before what is there (newest first); each line is there once. */
export function prepend(lines: readonly LogRecord[], more: readonly LogRecord[]): LogRecord[] {
  const known = new Set(lines.map((l) => l.id));
  const fresh = more.filter((l) => !known.has(l.id)).reverse();
  return fresh.length === 0 ? (lines as LogRecord[]) : [...fresh, ...lines].slice(0, kept);
}

/** The newest first by the time they came: edges report them in batches, in which the order is another. */
export function byTime(lines: readonly LogRecord[]): LogRecord[] {
  return [...lines].sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
}
