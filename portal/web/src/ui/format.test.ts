import { expect, it } from 'vitest';
import { dates, leftOf, utcDate } from './format';

it('tells a period by its days in UTC, with the last one', () => {
  expect(dates('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z')).toBe('Nov 1, 2026 to Nov 30, 2026');
  expect(dates('2026-11-10T23:00:00Z', '2026-12-10T23:00:00Z')).toBe('Nov 10, 2026 to Dec 10, 2026');
  expect(dates('2026-11-10T00:00:00Z', '2026-11-11T00:00:00Z')).toBe('Nov 10, 2026');
  expect(dates('2026-11-10T00:00:00Z', '2026-11-10T00:00:00Z')).toBe('Nov 10, 2026'); // of a fee at one moment
  expect(utcDate('2026-11-10T23:59:59Z')).toBe('Nov 10, 2026');
});

it('tells what is left of a limit, and a rate’s burst', () => {
  expect(leftOf({ left: 49, limit: 50, window: 'day' })).toBe('49 of 50 left this day');
  expect(leftOf({ left: 100, limit: 50, window: 'second' })).toBe('100 left, and 50 more a second');
  expect(leftOf({ left: 3, limit: 4, window: '' })).toBe('3 of 4 left');
});
