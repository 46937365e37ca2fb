import { useMemo } from 'react';
import { $api, type Schemas } from '@/api/client';
import { phases, type Phase, type PhaseOf } from './order';
import type { Schema } from './schema';

export type PolicyType = Omit<Schemas['PolicyType'], 'schema' | 'phase'> & { schema: Schema; phase: Phase };
export type Policy = Schemas['Policy'];

export interface Catalogue {
  types: PolicyType[];
  find: (type: string) => PolicyType | undefined;
  phaseOf: PhaseOf;
}

/** Every policy type that this Tollgate has, as the API tells it. */
export function usePolicyTypes(): { catalogue: Catalogue | undefined; error: unknown; retry: () => void } {
  const query = $api.useQuery('get', '/v1/policies', undefined, { staleTime: 10 * 60_000 });
  const catalogue = useMemo(() => {
    if (!query.data) return undefined;
    const rank = (t: PolicyType) => phases.indexOf(t.phase);
    const types = (query.data.items as PolicyType[]).toSorted((a, b) => rank(a) - rank(b) || a.title.localeCompare(b.title));
    const named = new Map(types.map((t) => [t.type, t]));
    return { types, find: (type: string) => named.get(type), phaseOf: (type: string) => named.get(type)?.phase ?? 'transform' };
  }, [query.data]);
  return { catalogue, error: query.error, retry: () => void query.refetch() };
}
