import { describe, expect, it } from 'vitest';
import { amountOf, centsOf, costOf, requestsFor } from './cents';

describe('amounts', () => {
  it.each([
    ['12.5', 1250], ['12.50', 1250], ['12', 1200], ['0', 0], ['.5', undefined], ['$1,200.00', 120_000], ['€ 7', 700], ['12.', 1200],
    ['12.505', undefined], ['-1', undefined], ['twelve', undefined], ['', undefined], ['1,20', undefined], ['1e3', undefined], ['0.29', 29],
    ['99999999999999999', undefined],
  ])('centsOf(%s) = %s', (text, want) => expect(centsOf(text)).toBe(want));
  it.each([[1250, '12.50'], [0, '0.00'], [7, '0.07'], [120_000, '1200.00']])('amountOf(%s) = %s', (cents, want) => {
    expect(amountOf(cents)).toBe(want);
    expect(centsOf(want)).toBe(cents);
  });
});

describe('what goes beyond', () => {
  const overage = { requests: 100_000, price_cents: 50 };
  it('pays for whole requests only', () => {
    expect(requestsFor(1000, overage)).toBe(2_000_000);
    expect(requestsFor(1, { requests: 1000, price_cents: 300 })).toBe(3);
    expect(requestsFor(1, { requests: 1, price_cents: 0 })).toBeUndefined();
  });
  it('rounds half a cent up', () => {
    expect(costOf(1000, overage)).toBe(1); // 0.5
    expect(costOf(999, overage)).toBe(0);
    expect(costOf(2999, overage)).toBe(1);
    expect(costOf(3000, overage)).toBe(2); // 1.5
    expect(costOf(9_007_199_254_740_991, { requests: 3, price_cents: 1 })).toBe(3_002_399_751_580_330);
  });
});
