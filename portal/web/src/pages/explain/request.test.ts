import { expect, test } from 'vitest';
import { parseHeaders, pathOf, readable } from './request';

test('header fields are one a line, repeated ones are kept', () => {
  expect(parseHeaders('X-A: 1\n\n X-B : a: b \nX-A: 2\nEmpty:')).toEqual({ headers: { 'X-A': ['1', '2'], 'X-B': ['a: b'], Empty: [''] } });
  expect(parseHeaders('')).toEqual({ headers: {} });
  expect(parseHeaders('X-A: 1\nnonsense')).toEqual({ error: 'Line 2 is not “Name: value”.' });
  expect(parseHeaders(': x')).toHaveProperty('error');
});

test('a URL of the gateway is its path', () => {
  expect(pathOf('/a?b=1', undefined)).toBe('/a?b=1');
  expect(pathOf('http://g.localhost:8000/a', 'http://g.localhost:8000')).toBe('/a');
  expect(pathOf('http://g.localhost:8000', 'http://g.localhost:8000')).toBe('/');
  expect(pathOf('http://g.localhost:80001/a', 'http://g.localhost:8000')).toBeUndefined();
  expect(pathOf('http://other/a', 'http://g.localhost:8000')).toBeUndefined();
});

test('only JSON is set out', () => {
  expect(readable('{"a":1}', 'application/problem+json')).toBe('{\n  "a": 1\n}');
  expect(readable('{"a":', 'application/json')).toBe('{"a":');
  expect(readable('{"a":1}', 'text/plain')).toBe('{"a":1}');
});
