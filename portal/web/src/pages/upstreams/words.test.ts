import { expect, test } from 'vitest';
import { compact, shares } from './words';

test('what is empty leaves, false and 0 stay', () => {
  expect(compact({ a: '', b: undefined, c: [], d: 0, e: false })).toEqual({ d: 0, e: false });
  expect(compact({ a: '' })).toBeUndefined();
});

test('weights are shares', () => {
  expect(shares([{}, { weight: 3 }])).toEqual([25, 75]);
  expect(shares([{ weight: 0 }])).toEqual([0]);
  expect(shares([])).toEqual([]);
});
