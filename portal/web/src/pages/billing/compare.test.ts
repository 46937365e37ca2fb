import { expect, it } from 'vitest';
import type { Schemas } from '@/api/client';
import { differences, needsCheckout, priceOf, stepTo } from './compare';

type Plan = Schemas['Plan'];
const plan = (more: Partial<Plan>): Plan => ({ name: 'free', title: 'Free', log_retention: '24h', currency: 'usd', price_cents: 0, self_serve: true, ...more });

const free = plan({ included_requests: 100, gateways: 3 });
const pro = plan({ name: 'pro', price_cents: 4900, included_requests: 5000, overage: { requests: 1000, price_cents: 50 }, log_retention: '168h' });

it('goes down to what costs less and up to the rest', () => {
  expect(stepTo(free, pro)).toBe('upgrade');
  expect(stepTo(pro, free)).toBe('downgrade');
  expect(stepTo(pro, pro)).toBe('same');
  expect(stepTo(free, plan({ name: 'other' }))).toBe('upgrade');
});

it('leads to the payment page whoever has no subscription', () => {
  expect(needsCheckout({ payment: true, status: 'none' }, pro)).toBe(true); // also one who was given pro
  expect(needsCheckout({ payment: true, status: 'canceled' }, pro)).toBe(true);
  expect(needsCheckout({ payment: true, status: 'active' }, pro)).toBe(false);
  expect(needsCheckout({ payment: true, status: 'none' }, free)).toBe(false);
  expect(needsCheckout({ payment: false, status: 'none' }, pro)).toBe(false);
});

it('names only what differs, and which way', () => {
  expect(differences(free, pro)).toEqual([
    { what: 'Included requests a month', from: '100', to: '5,000', more: true },
    { what: 'Beyond them', from: 'refused', to: '$0.50 for each 1,000', more: true },
    { what: 'Gateways', from: '3', to: 'no limit', more: true },
    { what: 'Logs are kept for', from: '1 day', to: '7 days', more: true },
  ]);
  expect(differences(pro, free).every((d) => !d.more)).toBe(true);
  expect(differences(pro, pro)).toEqual([]);
});

it('tells prices', () => expect([priceOf(free), priceOf(pro)]).toEqual(['Free', '$49 a month']));
