import { $api } from '@/api/client';
import { useMay } from '@/api/session';

/** The organization's subscription, for those who may see it. */
export function useSubscription() {
  const may = useMay('billing:read');
  return $api.useQuery('get', '/v1/subscription', undefined, { enabled: may, staleTime: 20_000, refetchInterval: 60_000 });
}

/** Every plan, the cheapest first. */
export function usePlans() {
  return $api.useQuery('get', '/v1/plans', undefined, {
    staleTime: 10 * 60_000,
    select: ({ items }) => [...items].sort((a, b) => a.price_cents - b.price_cents),
  });
}
