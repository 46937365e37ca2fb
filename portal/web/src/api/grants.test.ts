import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { grants, type Role } from './grants';

// The table of the portal itself: constants like `KeysRead Permission = "keys:read"`
// and one list for each role.
const source = readFileSync('../internal/authz/role.go', 'utf8') // tests run in portal/web;
const words = new Map([...source.matchAll(/^\t(\w+)\s+(?:Permission\s+)?=\s+"([a-z_]+:[a-z_]+)"/gm)].map((m) => [m[1], m[2]]));
const lists = [...source.matchAll(/tenant\.Role(\w+):\s*\{([^}]*)\}/g)];

it('reads the table', () => {
  expect(words.size).toBeGreaterThan(12);
  expect(lists.map((m) => m[1]?.toLowerCase()).sort()).toEqual(Object.keys(grants).sort());
});

it.each(lists.map((m) => [m[1]?.toLowerCase() as Role, m[2] ?? ''] as const))('the role %s may do what the API says', (role, list) => {
  const want = list.split(',').map((name) => words.get(name.trim())).filter((word) => word !== undefined);
  expect([...grants[role]].sort()).toEqual([...want].sort());
});
