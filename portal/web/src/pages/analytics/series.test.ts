import { describe, expect, it } from 'vitest';
import { change, counts, errorSeries, latencies, requestSeries, type UsagePoint } from './series';

const point = (time: string, more: Partial<UsagePoint> = {}): UsagePoint => ({
  time, requests: 0, billed: 0, refused: 0, errors: 0, upstream_errors: 0, status_2xx: 0, status_3xx: 0, status_4xx: 0, status_5xx: 0, bytes_in: 0, bytes_out: 0, ...more,
});

describe('points of charts', () => {
  const now = [point('2026-11-22T10:00:00Z', { requests: 9_007_199_254, refused: 2, upstream_errors: 1 }), point('2026-11-22T10:01:00Z')];
  it('hold the figures of the API unchanged', () => {
    expect(counts(now, ['requests', 'refused', 'upstream_errors'])[0]).toEqual({
      time: Date.UTC(2026, 10, 22, 10), values: { requests: 9_007_199_254, refused: 2, upstream_errors: 1 },
    });
  });
  it('stand over the same moment of the period before', () => {
    const before = [point('2026-11-22T09:58:00Z', { requests: 5 }), point('2026-11-22T09:59:00Z', { requests: 7 })];
    expect(counts(now, ['requests'], before).map((p) => p.values.before)).toEqual([5, 7]);
  });
  it('have no latency where nothing passed, rather than zero', () => {
    const points = [point('2026-11-22T10:00:00Z', { edge_ms: { p50: 0.1, p95: 0.2, p99: 0.31 } }), point('2026-11-22T10:01:00Z')];
    expect(latencies(points, 'edge_ms').map((p) => p.values)).toEqual([{ p50: 0.1, p95: 0.2, p99: 0.31 }, { p50: null, p95: null, p99: null }]);
  });
});

describe('series', () => {
  it('are only those that the API counts', () => {
    expect(requestSeries(['requests', 'status_2xx', 'status_4xx'], false).map((s) => s.id)).toEqual(['status_2xx', 'status_4xx']);
    expect(requestSeries(['requests'], false).map((s) => s.id)).toEqual(['requests']);
    expect(errorSeries(['errors'], true).map((s) => s.id)).toEqual(['errors', 'before']);
    expect(errorSeries(['errors', 'refused', 'upstream_errors'], false).map((s) => s.id)).toEqual(['upstream_errors', 'refused']);
  });
});

describe('change against the period before', () => {
  it('is told without rounding a difference away', () => {
    expect(change(112, 100)).toBe('+12%');
    expect(change(965, 1000)).toBe('−3.5%');
    expect(change(1_000_001, 1_000_000)).toBe('+<0.01%');
    expect(change(5, 5)).toBe('as before');
    expect(change(5, 0)).toBe('none before');
    expect(change(0, 0)).toBe('as before');
  });
});
