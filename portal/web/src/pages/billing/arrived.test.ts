import { expect, it } from 'vitest';
import type { Schemas } from '@/api/client';
import { stands } from './arrived';

type Subscription = Schemas['Subscription'];
const of = (status: Subscription['status'], plan: string, price_cents = 4900) => ({ status, plan: { name: plan, price_cents } }) as Subscription;

it('claims nothing before the subscription stands', () => {
  expect(stands(of('none', 'free', 0), 'pro')).toBe(false);
  expect(stands(of('incomplete', 'pro'), 'pro')).toBe(false);
  expect(stands(of('active', 'free', 0), undefined)).toBe(false);
  expect(stands(of('active', 'pro'), 'scale')).toBe(false);
  expect(stands(of('active', 'pro'), 'pro')).toBe(true);
  expect(stands(of('active', 'pro'), undefined)).toBe(true);
});
