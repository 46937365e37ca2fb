import { expect, it } from 'vitest';
import { receiptText } from './Receipt';

const seen = '2026-01-01T00:00:00Z';

it.each([
  [{ complete: true, confirmed: [{ edge: 'a' }], waiting: [], unreachable: [] }, '1 edge refuses the key.'],
  [{ complete: false, confirmed: [{ edge: 'a' }, { edge: 'b' }], waiting: ['c'], unreachable: [] }, '2 edges refuse the key, 1 edge not yet.'],
  [{ complete: true, confirmed: [], waiting: [], unreachable: [{ edge: 'd', last_seen: seen }] }, '0 edges refuse the key, 1 edge can’t be reached.'],
])('receiptText(%j)', (receipt, want) => expect(receiptText(receipt)).toBe(want));
