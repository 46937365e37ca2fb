import type { ChartPoint, ChartSeries } from '@/ui/charts/TimeChart';
import { widths, type Interval } from '@/ui/charts/axis';

/** One hour of the ledger. */
export interface Hour {
  hour: string;
  plan: string;
  requests: number;
}

const colours = ['var(--tg-c1)', 'var(--tg-c2)', 'var(--tg-c3)', 'var(--tg-c4)'];

/** Where an hour's UTC day, or the hour itself, begins. */
const floor = (time: number, interval: Interval) => Math.floor(time / widths[interval]) * widths[interval];

/** The ledger's hours as bars by hour or UTC day from the period's start to its end or now, a series for each plan. */
export function barsOf(hours: readonly Hour[], from: string, to: string, interval: 'hour' | 'day', titles: Record<string, string>, now: number = Date.now()): { points: ChartPoint[]; series: ChartSeries[] } {
  const plans = [...new Set(hours.map((h) => h.plan))];
  const sums = new Map<number, Record<string, number>>();
  for (const h of hours) {
    const at = floor(Date.parse(h.hour), interval);
    const values = sums.get(at) ?? {};
    values[h.plan] = (values[h.plan] ?? 0) + h.requests;
    sums.set(at, values);
  }
  const points: ChartPoint[] = [];
  const last = Math.min(Date.parse(to) - 1, now);
  for (let time = floor(Date.parse(from), interval); time <= last; time += widths[interval]) {
    const values = sums.get(time);
    points.push({ time, values: Object.fromEntries(plans.map((p) => [p, values?.[p] ?? 0])) });
  }
  const series = plans.map((p, i): ChartSeries => ({ id: p, label: titles[p] ?? p, color: colours[i % colours.length] ?? '', kind: 'bar' }));
  return { points, series };
}
