import { expect, it } from 'vitest';
import { grants } from '@/api/grants';
import { mayDo, permissionGroups, roles, roleWords } from './permissions';

it('says what every permission is for, each once', () => {
  const told = permissionGroups.flatMap((g) => g.permissions.map((p) => p.name));
  expect([...told].sort()).toEqual([...grants.owner].sort());
  expect(new Set(told).size).toBe(told.length);
});

it('knows every role', () => {
  expect([...roles].sort()).toEqual(Object.keys(grants).sort());
  expect(Object.keys(roleWords).sort()).toEqual([...roles].sort());
});

it('asks the table', () => {
  expect(mayDo('viewer', 'keys:read')).toBe(true);
  expect(mayDo('viewer', 'keys:write')).toBe(false);
});
