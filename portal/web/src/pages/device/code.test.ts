import { expect, it } from 'vitest';
import { readCode } from './code';

it('reads codes as people type them', () => {
  for (const typed of ['BCDF-GHJK', 'bcdfghjk', ' bcdf ghjk ', 'Bcdf- Ghjk']) expect(readCode(typed)).toBe('BCDF-GHJK');
});

it('refuses what can be no code', () => {
  for (const typed of [undefined, '', 'BCDF-GHJ', 'BCDF-GHJKL', 'ABCD-EFGH', 'BCDF-GHJ1', '../../me']) expect(readCode(typed)).toBeUndefined();
});
