import { api, type Schemas } from '@/api/client';
import type { paths } from '@/api/schema';
import { useRows } from '@/ui';

type Query = NonNullable<paths['/v1/gateways/{gateway}/keys']['get']['parameters']['query']>;

/** A gateway's keys, narrowed and ordered by the API, with what is left of their quotas. */
export function useKeys(gateway: string, query: Pick<Query, 'q' | 'sort' | 'state' | 'consumer' | 'usage_plan'>) {
  return useRows<Schemas['Key']>({
    key: ['get', '/v1/gateways/{gateway}/keys', gateway, query],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/keys', {
        params: { path: { gateway }, query: { ...query, limit: 100, cursor, budgets: true, count: cursor === undefined } },
        signal,
      });
      return data ?? { items: [] };
    },
    filtered: Boolean(query.state ?? query.consumer ?? query.usage_plan),
  });
}

export type KeySort = Query['sort'];
export type KeyStateFilter = Query['state'];
