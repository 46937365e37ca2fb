import { expect, it } from 'vitest';
import { gaugeOf, type Measured } from './gauge';

const overage = { requests: 10, price_cents: 5 };
const of = (used: number, plan: object, more: object = {}) => gaugeOf({ used_requests: used, plan, ...more } as Measured);
const forecast = (n: number) => ({ estimate: { forecast_requests: n, lines: [] } });

it('fills the included part first', () => {
  expect(of(25, { included_requests: 100 })).toEqual({ own: 25, before: 0, expected: 25, within: 25, over: 0, coming: 0, included: undefined, stop: undefined, stopAt: 100 });
});
it('shows what goes beyond, and what is still to come', () => {
  const parts = of(150, { included_requests: 100, overage }, forecast(200));
  expect(parts).toMatchObject({ within: 50, over: 25, coming: 25, included: 50 });
  expect(parts.stopAt).toBeUndefined();
});
it('marks where a spending cap stops', () => {
  expect(of(10, { included_requests: 100, overage }, { spending_cap_cents: 50, ...forecast(400) })).toMatchObject({ stopAt: 200, stop: 50, included: 25 });
  expect(of(10, { included_requests: 100, overage }, { spending_cap_cents: 0 }).stopAt).toBe(100);
  expect(of(10, { included_requests: 100, overage }, { spending_cap_cents: null }).stopAt).toBeUndefined();
});
it('is empty where nothing is bounded or used', () => {
  expect(of(0, {})).toMatchObject({ within: 0, over: 0, coming: 0 });
  expect(of(0, { included_requests: 0 })).toMatchObject({ within: 0, over: 0 });
});
it('leaves out what other plans served before in the period', () => {
  const lines = [{ plan: 'free', requests: 40 }, { plan: 'pro', requests: 60 }];
  const parts = of(110, { name: 'pro', included_requests: 100, overage }, { spending_cap_cents: 0, estimate: { forecast_requests: 240, lines } });
  expect(parts).toMatchObject({ own: 70, before: 40, expected: 200, over: 0, within: 35, coming: 65, stopAt: 100 });
});
