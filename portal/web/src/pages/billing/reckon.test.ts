import { expect, it } from 'vitest';
import type { Plan } from './act';
import { agreement, entriesOf, reckoning, type Entry } from './reckon';
import type { Schemas } from '@/api/client';

const plan = { currency: 'usd', overage: { requests: 100, price_cents: 50 } } as Plan;

it('can be followed with a pencil', () => {
  expect(reckoning({ requests: 1234, beyond: 234 }, plan)).toBe('1,234 requests − 1,000 included = 234 beyond; 234 × $0.50 ÷ 100 = $1.17');
  expect(reckoning({ requests: 20, beyond: 0 }, plan)).toBe('20 requests − 20 included = 0 beyond');
  expect(reckoning({ requests: 20, beyond: 20 }, undefined)).toBe('20 requests − 0 included = 20 beyond');
});

it('stands the ledger beside the lines that it belongs to, and what no line has below', () => {
  const found = {
    invoice: {
      lines: [
        { id: 'a', kind: 'base', plan: 'pro', description: 'Pro', amount_cents: 4900 },
        { id: 'b', kind: 'usage', plan: 'pro', description: 'First 20', amount_cents: 0 },
        { id: 'c', kind: 'usage', plan: 'pro', description: 'Next', amount_cents: 7 },
        { id: 'd', kind: 'late_usage', plan: 'pro', description: 'Late', amount_cents: 3 },
      ],
    },
    lines: [{ line: 'c', plan: 'pro', amount_cents: 7 }, { plan: 'free', amount_cents: 0, ledger_requests: 3 }],
  } as unknown as Schemas['Reconciliation'];
  const entries = entriesOf(found, { free: 'Free' });
  expect(entries.map((e) => [e.id, e.title, e.cents, e.lines.length, e.ledger?.plan])).toEqual([
    ['a', 'Pro', 4900, 1, undefined], ['b', 'Requests on the plan pro', 7, 2, 'pro'], ['d', 'Late', 3, 1, undefined], ['plan-free', 'Requests on the plan Free', 0, 0, 'free'],
  ]);
});

it('tells what is never billed from what differs', () => {
  const of = (more: object, line?: object): Entry => ({ id: 'x', title: '', cents: 0, lines: (line ? [line] : []) as Entry['lines'], ledger: { billed_quantity: 0, amount_cents: 0, explanation: '', difference_requests: 0, ...more } as Entry['ledger'] });
  expect(agreement(of({}, {}), true)).toBe('adds up');
  expect(agreement(of({ difference_requests: 7, explanation: 'not billed' }), true)).toBe('unbilled');
  expect(agreement(of({ difference_requests: 7 }), true)).toBe('differs');
  expect(agreement(of({ difference_requests: 7, explanation: 'late' }, {}), true)).toBe('differs');
  expect(agreement(of({ difference_requests: -7, explanation: 'less' }), true)).toBe('differs');
  expect(agreement(of({ difference_requests: 7 }), false)).toBe('open');
  expect(agreement({ id: 'x', title: '', cents: 0, lines: [] }, true)).toBe('open');
});
