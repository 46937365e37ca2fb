import { expect, test } from 'vitest';
import { certificateStanding, hostMistake, needsAttention, proofStanding, recordsOf, unsettled, whenNext, type Domain } from './words';

const domain = (state: Domain['state'], certificate: Partial<Domain['certificate']> = {}): Domain => ({
  id: 'dom_1',
  host: 'api.example.com',
  state,
  proof: { type: 'TXT', name: '_tollgate.api.example.com', value: 'tollgate-verification=abc' },
  target: 'shop.edge.example.net',
  certificate: { mode: 'automatic', state: 'waiting', ...certificate },
  created_at: '2026-11-22T09:00:00Z',
  updated_at: '2026-11-22T09:00:00Z',
});

test('each state of the proof has words', () => {
  expect((['pending', 'active', 'failing', 'lapsed'] as const).map((s) => proofStanding(domain(s)).dot)).toEqual(['busy', 'good', 'warn', 'bad']);
});

test('a failing certificate is worse without one at hand', () => {
  expect(certificateStanding(domain('active', { state: 'failing' })).words).toBe('Can’t be issued');
  expect(certificateStanding(domain('active', { state: 'failing', not_after: '2026-12-24T00:00:00Z' }))).toMatchObject({ dot: 'warn', words: 'Renewal fails, served until Dec 24, 2026' });
  expect(certificateStanding(domain('active', { state: 'issued', not_after: '2026-12-24T00:00:00Z' })).words).toBe('Served, until Dec 24, 2026');
});

test('what moves by itself is looked at often', () => {
  expect(unsettled(domain('pending'))).toBe(true);
  expect(unsettled(domain('active', { state: 'ordered' }))).toBe(true);
  expect(unsettled(domain('active', { state: 'issued' }))).toBe(false);
  expect(unsettled(domain('active', { state: 'off' }))).toBe(false);
});

test('what somebody has to look after', () => {
  expect(needsAttention(domain('pending', { state: 'waiting' }))).toBe(false);
  expect(needsAttention(domain('active', { state: 'issued' }))).toBe(false);
  expect(needsAttention(domain('active', { state: 'failing' }))).toBe(true);
  expect(needsAttention(domain('active', { state: 'expired' }))).toBe(true);
  expect(needsAttention(domain('failing', { state: 'issued' }))).toBe(true);
  expect(needsAttention(domain('lapsed', { state: 'off' }))).toBe(true);
});

test('the next try', () => {
  const now = Date.parse('2026-11-22T09:00:00Z');
  expect(whenNext('2026-11-22T08:59:00Z', now)).toBe('now');
  expect(whenNext('2026-11-22T09:00:42Z', now)).toMatch(/^in 42 seconds \(/);
});

test('the records of a domain', () => {
  expect(recordsOf(domain('pending')).map((r) => `${r.type} ${r.name} ${r.value}`)).toEqual([
    'TXT _tollgate.api.example.com tollgate-verification=abc',
    'CNAME api.example.com shop.edge.example.net',
  ]);
});

test('what is no host', () => {
  expect(hostMistake(' ')).toMatch(/needs a host/);
  expect(hostMistake('https://api.example.com')).toMatch(/scheme/);
  expect(hostMistake('api.example.com/v1')).toMatch(/path/);
  expect(hostMistake('api.example.com:443')).toMatch(/port/);
  expect(hostMistake('*.example.com')).toBeNull();
});
