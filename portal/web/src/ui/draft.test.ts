import { expect, test } from 'vitest';
import { at, touched } from './draft';

test('a pointer finds its value', () => {
  expect(at({ a: [{ 'b/c': 1 }] }, '/a/0/b~1c')).toBe(1);
  expect(at({ a: 1 }, '/a/b/c')).toBeUndefined();
  expect(at({ a: 1 }, '')).toEqual({ a: 1 });
});

test('only what was changed is reproached', () => {
  const initial = { name: '', match: { path: '' } };
  const draft = { name: 'x', match: { path: '' } };
  expect(touched(initial, draft, '/name')).toBe(true);
  expect(touched(initial, draft, '/match/path')).toBe(false);
});
