import type { Schemas } from '@/api/client';
import type { ChartPoint } from '@/ui/charts/TimeChart';
import { low, secondsOf, windowed, type AlertInput } from './words';

type UsagePoint = Schemas['UsagePoint'];
export type Rule = Pick<AlertInput, 'kind' | 'errors' | 'latency' | 'percentile' | 'window' | 'min_requests'> & { threshold: number };

/** The figure that each moment would have had, over the window that ends with it; null where it is not known. */
export function figures(points: UsagePoint[], rule: Rule): (number | null)[] {
  if (!windowed(rule.kind)) return points.map(() => null);
  if (rule.kind === 'latency') return points.map((p) => latency(p, rule));
  const width = Math.max(1, Math.round(secondsOf(rule.window ?? '5m') / 60));
  let requests = 0;
  let errors = 0;
  return points.map((point, i) => {
    const gone = points[i - width];
    requests += point.requests - (gone?.requests ?? 0);
    errors += errorsOf(point, rule) - (gone ? errorsOf(gone, rule) : 0);
    if (i < width - 1) return null; // the window begins before the first point
    if (rule.kind === 'no_traffic') return requests;
    return requests >= (rule.min_requests ?? 20) ? (errors / requests) * 100 : null;
  });
}

function errorsOf(point: UsagePoint, rule: Rule): number {
  if (rule.errors === 'edge') return point.refused;
  if (rule.errors === 'backend') return point.upstream_errors;
  return point.errors;
}

function latency(point: UsagePoint, rule: Rule): number | null {
  const times = rule.latency === 'edge' ? point.edge_ms : point.upstream_ms;
  return times?.[rule.percentile ?? 'p95'] ?? null;
}

/** Whether a figure is on the bad side of the threshold. */
export const over = (rule: Rule, value: number): boolean => (low(rule.kind) ? value < rule.threshold : value >= rule.threshold);

/** How often the rule would have gone over its threshold. */
export function crossings(rule: Rule, values: readonly (number | null)[]): number {
  let count = 0;
  let bad = false;
  for (const value of values) {
    const now = value !== null && over(rule, value);
    if (now && !bad) count++;
    bad = now;
  }
  return count;
}

/** The figures with the threshold beside them, for the chart. */
export function chartPoints(points: UsagePoint[], rule: Rule): ChartPoint[] {
  const values = figures(points, rule);
  return points.map((p, i) => ({ time: Date.parse(p.time), values: { value: values[i] ?? null, threshold: Number.isFinite(rule.threshold) ? rule.threshold : null } }));
}
