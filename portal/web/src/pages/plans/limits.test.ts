import { describe, expect, it } from 'vitest';
import { limitsBody, limitsText, limitValues, noLimits } from './limits';

describe('limits of a form', () => {
  it('are empty where the API has none, and back', () => {
    expect(limitValues(undefined)).toEqual(noLimits);
    expect(limitValues({ concurrency: 0 })).toEqual(noLimits);
    expect(limitsBody(noLimits)).toEqual({});
  });

  it('come back as they were', () => {
    const limits = { rate_limit: { rate: 50, per: 'minute', burst: 80 }, quota: { limit: 1000, period: 'day' }, concurrency: 4 } as const;
    expect(limitsBody(limitValues(limits))).toEqual(limits);
  });

  it('send a burst without its rate, which the API refuses beside the field', () => {
    const values = { ...noLimits, rate_limit: { ...noLimits.rate_limit, burst: 10 } };
    expect(limitsBody(values)).toEqual({ rate_limit: { rate: 0, per: 'second', burst: 10 } });
  });

  it('take figures that were typed as text', () => {
    expect(limitsBody({ ...noLimits, quota: { limit: '250', period: 'week' } })).toEqual({ quota: { limit: 250, period: 'week' } });
  });
});

it.each([
  [undefined, undefined],
  [{}, undefined],
  [{ rate_limit: { rate: 10 } }, '10 a second'],
  [{ rate_limit: { rate: 10, per: 'minute', burst: 10 } }, '10 a minute'],
  [{ rate_limit: { rate: 1000, burst: 2000 }, quota: { limit: 5_000_000, period: 'month' }, concurrency: 20 }, '1,000 a second, bursts of 2,000 · 5,000,000 a month · 20 at once'],
] as const)('limitsText(%j)', (limits, want) => expect(limitsText(limits as Parameters<typeof limitsText>[0])).toBe(want));
