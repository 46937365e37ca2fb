import { describe, expect, it } from 'vitest';
import type { Schemas } from '@/api/client';
import { chartPoints, crossings, figures, over, type Rule } from './preview';
import { durationWords, ruleWords, secondsOf, valueWords } from './words';

const points = (...of: Partial<Schemas['UsagePoint']>[]): Schemas['UsagePoint'][] =>
  of.map((more, i) => ({
    time: new Date(Date.UTC(2026, 10, 22, 10, i)).toISOString(),
    requests: 0, billed: 0, refused: 0, errors: 0, upstream_errors: 0, status_2xx: 0, status_3xx: 0, status_4xx: 0, status_5xx: 0, bytes_in: 0, bytes_out: 0, ...more,
  }));

describe('the preview of an alert', () => {
  it('takes the rate of errors over the window, and only of enough requests', () => {
    const rule: Rule = { kind: 'error_rate', threshold: 10, window: '2m', min_requests: 50, errors: 'backend' };
    const series = points(
      { requests: 100, errors: 60, upstream_errors: 10 },
      { requests: 100, errors: 60, upstream_errors: 30 },
      { requests: 10, upstream_errors: 0 },
      { requests: 0 },
    );
    expect(figures(series, rule)).toEqual([null, 20, (30 / 110) * 100, null]);
    expect(figures(series, { ...rule, errors: 'all' })[1]).toBe(60);
  });
  it('counts the requests of the window for an alert on no traffic', () => {
    const rule: Rule = { kind: 'no_traffic', threshold: 1, window: '2m' };
    const values = figures(points({ requests: 3 }, { requests: 1 }, {}, {}, { requests: 2 }), rule);
    expect(values).toEqual([null, 4, 1, 0, 2]);
    expect(crossings(rule, values)).toBe(1);
  });
  it('shows the percentile that is watched, and nothing where nothing passed', () => {
    const times = { p50: 1, p95: 2, p99: 3 };
    const series = points({ upstream_ms: times, edge_ms: { p50: 0.1, p95: 0.2, p99: 0.3 } }, {});
    expect(figures(series, { kind: 'latency', threshold: 5, percentile: 'p99' })).toEqual([3, null]);
    expect(figures(series, { kind: 'latency', threshold: 5, latency: 'edge', percentile: 'p50' })).toEqual([0.1, null]);
  });
  it('counts each time that the threshold is crossed once', () => {
    const rule: Rule = { kind: 'latency', threshold: 10 };
    expect(crossings(rule, [9, 10, 11, null, 12, 3, 10])).toBe(3);
    expect(over(rule, 10)).toBe(true);
    expect(over({ kind: 'no_traffic', threshold: 1 }, 1)).toBe(false);
  });
  it('draws the threshold at each point', () => {
    expect(chartPoints(points({ requests: 1 }), { kind: 'no_traffic', threshold: 5, window: '1m' })[0]?.values).toEqual({ value: 1, threshold: 5 });
  });
});

describe('an alert in words', () => {
  it('reads durations', () => {
    expect([secondsOf('1h30m'), secondsOf('90s'), secondsOf('1m0s'), secondsOf(undefined)]).toEqual([5400, 90, 60, 0]);
    expect([durationWords('5m'), durationWords('1h'), durationWords('24h0m0s'), durationWords('0s'), durationWords('1h30m')]).toEqual([
      '5 minutes', '1 hour', '1 day', '0 seconds', '90 minutes',
    ]);
  });
  it('is one sentence', () => {
    expect(ruleWords({ kind: 'error_rate', threshold: 5, errors: 'backend', route: 'orders', window: '10m' })).toBe(
      '5% or more of the requests on route orders end in errors by backends within 10 minutes',
    );
    expect(ruleWords({ kind: 'no_traffic', threshold: 1, consumer: 'acme' })).toBe('Fewer than 1 request of consumer acme within 5 minutes');
    expect(ruleWords({ kind: 'quota', threshold: 80, quota: 'usage_plan', usage_plan: 'free' })).toBe('A consumer of the usage plan free has used 80% or more of the quota');
  });
  it('says what is watched without a window', () => {
    expect(ruleWords({ kind: 'certificate', threshold: 14 })).toBe('A certificate ends in fewer than 14 days, or a certificate or domain can’t be renewed');
    expect(ruleWords({ kind: 'telemetry', threshold: 15 })).toBe('A telemetry destination has failed for 15 minutes');
    expect([valueWords('certificate', 1), valueWords('certificate', -2.5), valueWords('telemetry', 20)]).toEqual(['1 day', '-2.5 days', '20 minutes']);
    expect([over({ kind: 'certificate', threshold: 14 }, 13), over({ kind: 'certificate', threshold: 14 }, 14), figures(points({ requests: 1 }), { kind: 'telemetry', threshold: 1 })]).toEqual([true, false, [null]]);
  });
  it('tells figures in their unit', () => {
    expect([valueWords('latency', 0.275), valueWords('error_rate', 12.5), valueWords('no_traffic', 1)]).toEqual(['0.275 ms', '12.5%', '1 request']);
  });
});
