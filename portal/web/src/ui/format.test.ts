import { expect, it } from 'vitest';
import { dates, utcDate } from './format';

it('tells a period by its days in UTC, with the last one', () => {
  expect(dates('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z')).toBe('Nov 1, 2026 to Nov 30, 2026');
  expect(dates('2026-11-10T23:00:00Z', '2026-12-10T23:00:00Z')).toBe('Nov 10, 2026 to Dec 10, 2026');
  expect(dates('2026-11-10T00:00:00Z', '2026-11-11T00:00:00Z')).toBe('Nov 10, 2026');
  expect(dates('2026-11-10T00:00:00Z', '2026-11-10T00:00:00Z')).toBe('Nov 10, 2026'); // of a fee at one moment
  expect(utcDate('2026-11-10T23:59:59Z')).toBe('Nov 10, 2026');
});
