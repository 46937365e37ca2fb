import { expect, test } from 'vitest';
import { compact, headerLines, headersOf, shares } from './words';

test('what is empty leaves, false and 0 stay', () => {
  expect(compact({ a: '', b: undefined, c: [], d: 0, e: false })).toEqual({ d: 0, e: false });
  expect(compact({ a: '' })).toBeUndefined();
});

test('weights are shares', () => {
  expect(shares([{}, { weight: 3 }])).toEqual([25, 75]);
  expect(shares([{ weight: 0 }])).toEqual([0]);
  expect(shares([])).toEqual([]);
});

test('only the first group has a share', () => {
  expect(shares([{ weight: 0 }, { priority: 1 }, { backup: true }, { priority: 1 }])).toEqual([0, 50, 0, 50]);
  expect(shares([{ backup: true }])).toEqual([100]);
});

test('header fields are lines and back', () => {
  const headers = [
    { name: 'X-Probe', value: 'a: b' },
    { name: 'X-Empty', value: '' },
  ];
  expect(headersOf(headerLines(headers))).toEqual(headers);
  expect(headersOf(' \nX-Name\n')).toEqual([{ name: 'X-Name', value: '' }]);
});
