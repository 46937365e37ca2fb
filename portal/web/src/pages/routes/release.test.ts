import { describe, expect, it } from 'vitest';
import { actionsOf, errorsOf, hasSchedule, latencyOf, outcomeOf, pointsOf, ruleWords, stepWords } from './release';

describe('releases', () => {
  it('are told from splits that stand still', () => {
    expect(hasSchedule(undefined)).toBe(false);
    expect(hasSchedule([{ type: 'release', config: { variants: [{ name: 'a', percent: 10 }] } }])).toBe(false);
    expect(hasSchedule([{ type: 'mock', config: { variants: [{ schedule: {} }] } }])).toBe(false);
    expect(hasSchedule([{ type: 'release', config: { variants: 'none' } }])).toBe(false);
    expect(hasSchedule([{ type: 'release', config: { variants: [null, { schedule: { steps: [] } }] } }])).toBe(true);
  });
  it('say who stopped them', () => {
    expect(outcomeOf({ outcome: 'stopped' })).toEqual({ label: 'Stopped by its rules', dot: 'bad' });
    expect(outcomeOf({ outcome: 'stopped', manual: true }).label).toBe('Stopped by hand');
    expect(outcomeOf({ outcome: 'paused' }).dot).toBe('warn');
  });
  it('offer what fits', () => {
    expect(actionsOf('running')).toEqual(['pause', 'stop']);
    expect(actionsOf('stopped')).toEqual(['restart']);
  });
  it('name their rules and steps', () => {
    expect(ruleWords({ min_requests: 20, percentile: 'p95', error_percent: 5, error_percent_above_stable: 2, latency: '800ms', latency_times_stable: 1.5 })).toEqual([
      'more than 5% of its requests fail',
      'its errors are more than 2 points above the stable version’s',
      'its p95 is over 800ms',
      'its p95 is over 1.5 times the stable version’s',
    ]);
    expect(ruleWords({ min_requests: 20, percentile: 'p99' })).toEqual([]);
    expect(stepWords({ percent: 10, for: '30m0s' })).toBe('10% for 30 minutes');
    expect(stepWords({ percent: 100 })).toBe('100%');
  });
  it('draw nothing where nothing was measured', () => {
    const some = { requests: 4, failed: 1, error_percent: 25, p95_ms: 12 };
    const none = { requests: 0, failed: 0, error_percent: 0 };
    const minutes = [{ time: '2026-11-22T10:00:00Z', variant: some, stable: none }];
    expect(pointsOf(minutes, errorsOf)[0]?.values).toEqual({ variant: 25, stable: null });
    expect(pointsOf(minutes, latencyOf('p95'))[0]?.values).toEqual({ variant: 12, stable: null });
  });
});
