import { expect, it } from 'vitest';
import { grants } from '@/api/grants';
import { offered, readOnly, scopesText } from './scopes';

it.each([
  [['*'], 'All that its maker may'],
  [['keys:read'], 'keys:read'],
  [['keys:read', 'keys:write'], '2 permissions'],
])('scopesText(%j)', (scopes, want) => expect(scopesText(scopes)).toBe(want));

it('offers what the maker holds and nothing else', () => {
  const names = offered(grants.billing).flatMap((g) => g.permissions.map((p) => p.name));
  expect([...names].sort()).toEqual([...grants.billing].sort());
});

it('looks only', () => {
  expect(readOnly(grants.developer)).not.toContain('keys:write');
  expect(readOnly(grants.developer)).toContain('keys:read');
});
