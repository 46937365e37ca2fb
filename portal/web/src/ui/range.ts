/** A span of time; `to` is left out where it is now. */
export interface Range {
  from: string;
  to?: string;
}

export const presets = [
  { value: '15m', label: 'Last 15 minutes', seconds: 900 },
  { value: '1h', label: 'Last hour', seconds: 3_600 },
  { value: '6h', label: 'Last 6 hours', seconds: 21_600 },
  { value: '24h', label: 'Last 24 hours', seconds: 86_400 },
  { value: '7d', label: 'Last 7 days', seconds: 604_800 },
  { value: '30d', label: 'Last 30 days', seconds: 2_592_000 },
  { value: '90d', label: 'Last 90 days', seconds: 7_776_000 },
] as const;

/** What the address holds of a range: a preset's word, or both ends. */
export interface RangeWords {
  range?: string;
  from?: string;
  to?: string;
}

const known = (time: string | undefined): string | undefined =>
  time && !Number.isNaN(Date.parse(time)) ? new Date(time).toISOString() : undefined;

/** The span that the address means, to whole minutes so that answers can be kept. */
export function rangeOf(words: RangeWords, fallback: string, now: number = Date.now()): Range {
  const from = known(words.from);
  if (from) return { from, to: known(words.to) };
  const preset = presets.find((p) => p.value === words.range) ?? presets.find((p) => p.value === fallback) ?? presets[3];
  const minute = Math.floor(now / 60_000) * 60_000;
  return { from: new Date(minute - preset.seconds * 1000).toISOString() };
}

/** The width of a point that gives a chart some 60 to 200 points. */
export function intervalOf(range: Range, now: number = Date.now()): 'minute' | 'hour' | 'day' {
  const seconds = ((range.to ? Date.parse(range.to) : now) - Date.parse(range.from)) / 1000;
  if (seconds <= 4 * 3_600) return 'minute';
  if (seconds <= 10 * 86_400) return 'hour';
  return 'day';
}
