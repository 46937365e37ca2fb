import { expect, it } from 'vitest';
import { expiryOf, localMinute, momentOf } from './expiry';

const now = Date.parse('2026-03-01T12:00:00Z');

it.each([
  ['never', ''],
  ['at', ''],
  ['30', '2026-03-31T12:00:00.000Z'],
  ['365', '2027-03-01T12:00:00.000Z'],
])('expiryOf(%s)', (choice, want) => expect(expiryOf(choice, now)).toBe(want));

it('reads back what the field for a moment shows', () => {
  expect(momentOf(localMinute('2026-07-01T08:30:00Z'))).toBe('2026-07-01T08:30:00.000Z');
  expect(localMinute('')).toBe('');
  expect(momentOf('')).toBe('');
  expect(momentOf('no time')).toBe('');
});
