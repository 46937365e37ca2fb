import type { Schemas } from '@/api/client';
import type { ChartPoint, ChartSeries } from '@/ui/charts/TimeChart';

export type UsagePoint = Schemas['UsagePoint'];
export type UsageReport = Schemas['UsageReport'];
export type Measure = UsageReport['measures'][number];
type Count = Exclude<Measure, 'edge_ms' | 'upstream_ms'>;

/** The answer as JSON: the API has another form, CSV, for who asks for it. */
export function asReport(answer: UsageReport | string): UsageReport {
  if (typeof answer === 'string') throw new Error('The usage came as CSV.');
  return answer;
}

/** Points with the measures named; with `before`, each also has that of the period before it. */
export function counts(points: UsagePoint[], measures: readonly Count[], before?: UsagePoint[], of: Count = 'requests'): ChartPoint[] {
  return points.map((point, i) => {
    const values: Record<string, number | null> = {};
    for (const m of measures) values[m] = point[m];
    if (before) values.before = before[i]?.[of] ?? null;
    return { time: Date.parse(point.time), values };
  });
}

/** Points with the percentiles of the edge's or the backends' time; nothing where nothing passed. */
export function latencies(points: UsagePoint[], which: 'edge_ms' | 'upstream_ms', before?: UsagePoint[]): ChartPoint[] {
  return points.map((point, i) => {
    const l = point[which];
    const values: Record<string, number | null> = { p50: l?.p50 ?? null, p95: l?.p95 ?? null, p99: l?.p99 ?? null };
    if (before) values.before = before[i]?.[which]?.p95 ?? null;
    return { time: Date.parse(point.time), values };
  });
}

const classes = [
  { id: 'status_2xx', label: '2xx', color: 'var(--tg-2xx)' },
  { id: 'status_3xx', label: '3xx', color: 'var(--tg-3xx)' },
  { id: 'status_4xx', label: '4xx', color: 'var(--tg-4xx)' },
  { id: 'status_5xx', label: '5xx', color: 'var(--tg-5xx)' },
] as const;

const beforeLine: ChartSeries = { id: 'before', label: 'Period before', color: 'var(--tg-c8)', kind: 'line', dash: '4 3' };

const withBefore = (series: ChartSeries[], compare: boolean, label?: string): ChartSeries[] =>
  compare ? [...series, { ...beforeLine, label: label ?? beforeLine.label }] : series;

/** Requests: by class of status where those are counted, else as one. */
export function requestSeries(measures: readonly Measure[], compare: boolean): ChartSeries[] {
  const counted = classes.filter((c) => measures.includes(c.id));
  const bars: ChartSeries[] =
    counted.length > 1
      ? counted.map((c) => ({ ...c, kind: 'bar' as const }))
      : [{ id: 'requests', label: 'Requests', color: 'var(--tg-c1)', kind: 'bar' }];
  return withBefore(bars, compare, 'All, period before');
}

/** Errors by who made them, where that is told apart. */
export function errorSeries(measures: readonly Measure[], compare: boolean): ChartSeries[] {
  const apart = measures.includes('refused') && measures.includes('upstream_errors');
  const bars: ChartSeries[] = apart
    ? [
        { id: 'upstream_errors', label: 'By backends', color: 'var(--tg-c2)', kind: 'bar' },
        { id: 'refused', label: 'By the edge', color: 'var(--tg-c1)', kind: 'bar' },
      ]
    : [{ id: 'errors', label: 'Errors', color: 'var(--tg-c2)', kind: 'bar' }];
  return withBefore(bars, compare, 'All, period before');
}

export function byteSeries(compare: boolean): ChartSeries[] {
  return withBefore(
    [
      { id: 'bytes_out', label: 'Sent to callers', color: 'var(--tg-c1)', kind: 'line' },
      { id: 'bytes_in', label: 'Received from callers', color: 'var(--tg-c2)', kind: 'line', dash: '6 3' },
    ],
    compare,
    'Sent, period before',
  );
}

export function latencySeries(compare: boolean): ChartSeries[] {
  return withBefore(
    [
      { id: 'p50', label: 'p50', color: 'var(--tg-c3)', kind: 'line' },
      { id: 'p95', label: 'p95', color: 'var(--tg-c1)', kind: 'line', dash: '7 3' },
      { id: 'p99', label: 'p99', color: 'var(--tg-c4)', kind: 'line', dash: '2 3' },
    ],
    compare,
    'p95, period before',
  );
}

/** How much more or less than before, as words: "+12%", "−3.5%", "none before". */
export function change(now: number, before: number): string {
  if (before === 0) return now === 0 ? 'as before' : 'none before';
  const share = (now - before) / before;
  if (share === 0) return 'as before';
  const percent = Math.abs(share) * 100;
  // Rounded to zero or to the whole it would say what is not so.
  const digits = percent < 0.1 ? 2 : percent < 10 ? 1 : 0;
  const text = percent < 0.01 ? '<0.01' : percent.toLocaleString('en', { maximumFractionDigits: digits });
  return `${share > 0 ? '+' : '−'}${text}%`;
}

/** Whether anything was answered in the report's time. */
export const nothing = (report: UsageReport): boolean => report.total.requests === 0;
