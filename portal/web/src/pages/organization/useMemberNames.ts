import { useMemo } from 'react';
import { $api } from '@/api/client';

/** The names of the organization's members by user id, for lists that know only ids. */
export function useMemberNames(): Map<string, string> {
  const { data } = $api.useQuery('get', '/v1/members', { params: { query: { limit: 200 } } }, { staleTime: 60_000 });
  return useMemo(() => new Map(data?.items.map((m) => [m.user_id, m.name || m.email])), [data]);
}
