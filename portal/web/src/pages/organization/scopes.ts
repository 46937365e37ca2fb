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

/** How a token's permissions are chosen. */
export type Kind = 'all' | 'read' | 'some';

/** chosenScopes are the permissions of a choice. */
export function chosenScopes(kind: Kind, scopes: string[], held: Parameters<typeof readOnly>[0]): string[] {
  return kind === 'all' ? [everything] : kind === 'read' ? readOnly(held) : scopes;
}

/** needsScopes says what is wrong with the permissions that were chosen one by one. */
export function needsScopes(scopes: string[], { kind }: { kind: Kind }): string | null {
  return kind === 'some' && scopes.length === 0 ? 'Choose at least one permission.' : null;
}
