import { expect, it } from 'vitest';
import { byTime, kept, prepend } from './lines';
import type { LogRecord } from './tail';

const line = (id: number) => ({ id: String(id) }) as LogRecord;
const ids = (lines: LogRecord[]) => lines.map((l) => Number(l.id));

it('puts the newest first and keeps each line once', () => {
  expect(ids(prepend([line(2), line(1)], [line(2), line(3), line(4)]))).toEqual([4, 3, 2, 1]);
});

it('is the same list where nothing is new', () => {
  const lines = [line(1)];
  expect(prepend(lines, [line(1)])).toBe(lines);
});

it('forgets the oldest', () => {
  const all = prepend([], Array.from({ length: kept + 5 }, (_, i) => line(i)));
  expect(all).toHaveLength(kept);
  expect(all[0]?.id).toBe(String(kept + 4));
});

it('orders by time, whatever the order of storing', () => {
  const at = (id: string, time: string) => ({ id, time }) as LogRecord;
  const lines = [at('3', '2026-01-01T00:00:01.1Z'), at('2', '2026-01-01T00:00:01.3Z'), at('1', '2026-01-01T00:00:00.9Z')];
  expect(ids(byTime(lines))).toEqual([2, 3, 1]);
});
