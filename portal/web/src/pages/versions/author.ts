import type { Schemas } from '@/api/client';

/** Who made a version, for people. */
export function authorWords({ kind, name, id }: Schemas['Version']['author']): string {
  if (kind === 'system') return 'Tollgate';
  return kind === 'token' ? `Token ${name || id}` : name || id;
}
