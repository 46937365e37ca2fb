import { expect, it } from 'vitest';
import { factsOf, inDays } from './planFacts';

it.each([
  ['24h', '1 day'],
  ['720h0m0s', '30 days'],
  ['36h', '36h'],
  ['90m', '90m'],
])('inDays(%s)', (duration, want) => expect(inDays(duration)).toBe(want));

it('says what a plan holds, and where it has no limit', () => {
  const plan = { name: 'p', title: 'P', currency: 'usd', price_cents: 4900, log_retention: '168h', self_serve: true };
  expect(factsOf({ ...plan, included_requests: 1_000_000, overage: { requests: 100_000, price_cents: 150 }, gateways: 1 })).toEqual([
    '1,000,000 requests a month', 'Then $1.50 for each further 100,000', 'No limit a second', '1 gateway',
    'Any number of consumers', 'Any number of keys', '7 days of logs',
  ]);
  expect(factsOf(plan)[1]).toBe('A hard cap, no surprises');
});
