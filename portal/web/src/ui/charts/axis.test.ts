import { describe, expect, it } from 'vitest';
import { pointName, tickOf } from './axis';

const at = Date.UTC(2026, 10, 22, 14, 5);

describe('words of the time axis', () => {
  it('tells the time of day for short spans and the date for long ones', () => {
    expect(tickOf(at, 'minute', 3_600_000, 'utc')).toBe('14:05');
    expect(tickOf(at, 'hour', 5 * 86_400_000, 'utc')).toBe('Nov 22, 14:05');
  });
  it('keeps days in UTC whatever zone is chosen, because the ledger does', () => {
    const midnight = Date.UTC(2026, 10, 22);
    expect(tickOf(midnight, 'day', 30 * 86_400_000, 'local')).toBe('Nov 22');
    expect(pointName(midnight, 'day', 'local')).toBe('Nov 22, 2026 (UTC day)');
  });
  it('names both ends of a point and its zone', () => {
    expect(pointName(at, 'minute', 'utc')).toBe('Nov 22, 2026, 14:05 – 14:06 UTC');
  });
});
