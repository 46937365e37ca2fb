import { expect, test } from 'vitest';
import { fieldWith, pathWords, samplePath, testOf, tidy, valueOf } from './match';

test('each kind of path is explained', () => {
  expect(pathWords('')).toBeUndefined();
  expect(pathWords('orders')).toBeUndefined();
  expect(pathWords('/orders')).toBe('This path and no other.');
  expect(pathWords('/orders/*')).toBe('/orders and everything below it.');
  expect(pathWords('/*')).toBe('Every path.');
  expect(pathWords('/a/{id}/b/{part}')).toContain('id, part');
  expect(pathWords('/a/{rest+}')).toContain('rest of the path');
  expect(pathWords('~^/v[12]/')).toContain('regular expression');
});

test('a field has exactly one test', () => {
  expect(fieldWith('x', 'prefix', 'a')).toEqual({ name: 'x', prefix: 'a' });
  expect(fieldWith('x', 'absent', 'a')).toEqual({ name: 'x', present: false });
  for (const t of ['exact', 'prefix', 'regex'] as const) {
    const field = fieldWith('x', t, 'v');
    expect([testOf(field), valueOf(field)]).toEqual([t, 'v']);
  }
  expect(testOf({ name: 'x', present: false })).toBe('absent');
});

test('empty lists leave the match', () => {
  expect(tidy({ path: '/a', hosts: [], methods: ['GET'] })).toEqual({ path: '/a', methods: ['GET'] });
});

test('a sample of a pattern', () => {
  expect(samplePath('/orders/*')).toBe('/orders');
  expect(samplePath('/*')).toBe('/');
  expect(samplePath('/a/{id}/b/{rest+}')).toBe('/a/1/b/1');
  expect(samplePath('~^/x')).toBe('/');
  expect(samplePath(undefined)).toBe('/');
});
