import type { Permission } from '@/api/grants';
import { permissionGroups } from './permissions';

/** The scope of a token that may do whatever its maker may. */
export const everything = '*';

/** Scopes as few words: "Everything", "5 permissions". */
export function scopesText(scopes: readonly string[]): string {
  if (scopes.includes(everything)) return 'All that its maker may';
  return scopes.length === 1 ? (scopes[0] ?? '') : `${scopes.length} permissions`;
}

/** The groups with only what the maker holds: nobody hands on more. */
export function offered(held: readonly Permission[]): typeof permissionGroups {
  return permissionGroups
    .map((g) => ({ ...g, permissions: g.permissions.filter((p) => held.includes(p.name)) }))
    .filter((g) => g.permissions.length > 0);
}

/** What a choice of looking only would tick. */
export const readOnly = (held: readonly Permission[]): Permission[] => held.filter((p) => p.endsWith(':read'));
