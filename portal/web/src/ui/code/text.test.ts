import { expect, test } from 'vitest';
import { parse, print, sameJSON, synced } from './text';

test('what is printed reads back as the same, in both formats', () => {
  const value = { match: { path: '/a/*', methods: ['GET'] }, weight: 1, on: 'no', nothing: null, text: 'a: b # c' };
  for (const format of ['yaml', 'json'] as const) expect(parse(print(value, format), format)).toEqual({ value });
});

test('comments and order in the text stay while it means the same', () => {
  const text = '# why\nb: 2\na: 1\n';
  expect(synced(text, 'yaml', { a: 1, b: 2 })).toBe(text);
  expect(synced(text, 'yaml', { a: 1, b: 3 })).toBe('a: 1\nb: 3\n');
});

test('a mistake says its line', () => {
  expect(parse('a: 1\nb: [1, 2\n', 'yaml')).toMatchObject({ error: expect.any(String), line: 3 });
  expect(parse('{\n  "a": 1,\n  b\n}', 'json')).toMatchObject({ error: expect.any(String) });
});

test('aliases are refused', () => {
  expect(parse('a: &x [1]\nb: *x\n', 'yaml')).toHaveProperty('error');
});

test('what is not defined is not there', () => {
  expect(sameJSON({ a: 1, b: undefined }, { a: 1 })).toBe(true);
  expect(sameJSON([1, 2], [2, 1])).toBe(false);
  expect(sameJSON({}, [])).toBe(false);
});
