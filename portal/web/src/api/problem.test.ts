import { describe, expect, it } from 'vitest';
import { asProblem, Problem, problemOf, sentence } from './problem';

const body = {
  type: '/docs/api-errors#invalid', title: 'The input is not valid', status: 422, code: 'invalid', request_id: 'r-1',
  errors: [{ pointer: '/targets/0/url', detail: 'is missing' }],
};

describe('problemOf', () => {
  it('reads a problem document', async () => {
    const p = await problemOf(new Response(JSON.stringify(body), { status: 422, headers: { 'Content-Type': 'application/problem+json' } }));
    expect(p).toBeInstanceOf(Problem);
    expect(p.code).toBe('invalid');
    expect(p.at('/targets/0/url')).toBe('is missing');
    expect(p.at('/name')).toBeUndefined();
  });
  it('makes one of what is none, and keeps the request id', async () => {
    const p = await problemOf(new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'X-Request-Id': 'r-2' } }));
    expect([p.status, p.code, p.request_id]).toEqual([502, 'unexpected', 'r-2']);
  });
  it('survives a document that was cut off', async () => {
    const p = await problemOf(new Response('{"type":', { status: 500, headers: { 'Content-Type': 'application/problem+json' } }));
    expect(p.code).toBe('unexpected');
  });
});

describe('asProblem', () => {
  it('keeps problems and wraps the rest', () => {
    const p = new Problem(body);
    expect(asProblem(p)).toBe(p);
    expect(asProblem(new Error('boom')).detail).toBe('boom');
    expect(asProblem('boom').code).toBe('page_error');
  });
});

describe('sentence', () => {
  it.each([
    ['is missing', undefined, 'Is missing.'],
    ['must be at least 10 characters', 'The password', 'The password must be at least 10 characters.'],
    ['is taken!', undefined, 'Is taken!'],
  ])('%s', (detail, label, want) => expect(sentence(detail, label)).toBe(want));
});
