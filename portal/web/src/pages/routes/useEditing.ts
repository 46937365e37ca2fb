import { $api } from '@/api/client';
import { usePolicyTypes } from '@/pages/policies/usePolicyTypes';

/** What every editor of a route needs besides the route: the catalogue and the gateway's policies. */
export function useEditing(gateway: string) {
  const { catalogue, error, retry } = usePolicyTypes();
  const policies = $api.useQuery('get', '/v1/gateways/{gateway}/policies', { params: { path: { gateway } } });
  return {
    data: catalogue && policies.data ? { catalogue, policies: policies.data.items } : undefined,
    error: error ?? policies.error,
    refetch: () => {
      retry();
      return policies.refetch();
    },
  };
}
