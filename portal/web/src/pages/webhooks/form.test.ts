import { expect, test } from 'vitest';
import { formOf, inputOf, validate } from './form';
import { errorWords, eventsWords, grouped, type EventType, type Webhook } from './words';

const webhook = (events: string[]): Webhook => ({
  id: 'webhook_1', name: 'audit', enabled: false, url: 'https://hooks.example.com', events, description: 'all of it',
  state: { status: 'ok', failures: 0, delivered: 1, dropped: 0, waiting: 0 }, created_at: '2026-11-22T12:00:00Z', updated_at: '2026-11-22T12:00:00Z',
});

test('a webhook comes back as it was', () => {
  for (const events of [['*'], ['key.created', 'key.revoked']]) {
    expect(inputOf(formOf(webhook(events)))).toEqual({ name: 'audit', description: 'all of it', enabled: false, url: 'https://hooks.example.com', events });
  }
});

test('a new one is told everything, and one that is told nothing is wrong', () => {
  const form = formOf();
  expect(inputOf({ ...form, name: 'a', url: ' https://x ' })).toEqual({ name: 'a', enabled: true, url: 'https://x', events: ['*'] });
  expect(validate(form)).toEqual({});
  expect(Object.keys(validate({ ...form, all: false }))).toEqual(['events']);
});

test('words', () => {
  expect(eventsWords(['*'])).toBe('Everything');
  expect(eventsWords(['key.created'])).toBe('key.created');
  expect(eventsWords(['a.b', 'c.d', 'e.f', 'g.h'])).toBe('a.b, c.d and 2 more');
  expect(errorWords('the receiver answered 404', 404)).toBe('The receiver answered 404. There is nothing at this address: check the URL.');
  expect(errorWords(undefined, undefined)).toBe('The last try failed.');
  const type = (t: string): EventType => ({ type: t, description: '', example: {} });
  expect(grouped([type('key.a'), type('key.b'), type('alert.c')]).map((g) => `${g.name}:${g.types.length}`)).toEqual(['key:2', 'alert:1']);
});
