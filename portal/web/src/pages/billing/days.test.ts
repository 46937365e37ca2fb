import { expect, it } from 'vitest';
import { barsOf } from './days';

const from = '2027-02-27T00:00:00Z';
const to = '2027-03-27T00:00:00Z';
const now = Date.parse('2027-03-01T01:30:00Z');
const hours = [
  { hour: '2027-02-27T05:00:00Z', plan: 'free', requests: 7 },
  { hour: '2027-02-27T06:00:00Z', plan: 'free', requests: 3 },
  { hour: '2027-02-27T06:00:00Z', plan: 'pro', requests: 2 },
  { hour: '2027-03-01T01:00:00Z', plan: 'pro', requests: 5 },
];

it('sums by UTC day, a series for each plan, the days without requests too', () => {
  const { points, series } = barsOf(hours, from, to, 'day', { pro: 'Pro' }, now);
  expect(series.map((s) => s.label)).toEqual(['free', 'Pro']);
  expect(points.map((p) => p.values)).toEqual([{ free: 10, pro: 2 }, { free: 0, pro: 0 }, { free: 0, pro: 5 }]);
});
it('ends where the period does', () => {
  expect(barsOf([], from, '2027-02-28T00:00:00Z', 'day', {}, now).points).toHaveLength(1);
  expect(barsOf(hours, from, to, 'hour', {}, now).points).toHaveLength(50);
});
