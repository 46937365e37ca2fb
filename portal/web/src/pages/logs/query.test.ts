import { expect, it } from 'vitest';
import { filtersOf, spanOf } from './query';

it('takes what the API knows and leaves out the rest', () => {
  expect(filtersOf({ q: 'orders', status: '5xx', outcome: 'refused', live: 'yes', range: '1h', method: '' })).toEqual({ q: 'orders', status: '5xx', outcome: 'refused' });
});

it('leaves out words that mean nothing', () => {
  expect(filtersOf({ status: '9xx', outcome: 'maybe' })).toEqual({});
});

it('looks back a day where the address says nothing', () => {
  const now = Date.parse('2026-05-02T12:00:30Z');
  expect(spanOf({}, now)).toEqual({ from: '2026-05-01T12:00:00.000Z' });
});
