import { expect, test } from 'vitest';
import { centsOf, queueText, span, stateOf } from './words';

test('how an organization stands: the gravest counts', () => {
  expect(stateOf({ suspended: false, verified: true })).toBe('active');
  expect(stateOf({ suspended: false, verified: false })).toBe('unverified');
  expect(stateOf({ suspended: true, verified: false })).toBe('suspended');
  expect(stateOf({ suspended: true, verified: true, deleted_at: '2026-11-22T00:00:00Z' })).toBe('deleted');
});

test('queues and streams in words, what is not known as it is', () => {
  expect(['mails', 'tg:usage:0', 'tg:logs:11', 'tg:other:1', 'tomorrow'].map(queueText)).toEqual([
    'Mails', 'Usage from edges, tg:usage:0', 'Log records from edges, tg:logs:11', 'tg:other:1', 'tomorrow',
  ]);
});

test('spans', () => {
  expect([-3, 0.4, 59, 60, 3599, 4200, 90_000].map(span)).toEqual(['0 s', '0 s', '59 s', '1 min', '59 min', '1 h 10 min', '1 d 1 h']);
});

test('amounts are exact', () => {
  expect(['12.50', '12.5', '0.29', '-5', ' 1000000 ', '7,05', '999999.99'].map(centsOf)).toEqual([1250, 1250, 29, -500, undefined, 705, 99_999_999]);
  expect(['', '0', '0.00', '1.234', '1e3', '--1', '$5', '.5'].map(centsOf)).toEqual(Array(8).fill(undefined));
});
