import type { Schemas } from '@/api/client';
import { currentOrganization } from '@/api/organization';
import { queryClient } from '@/api/queries';
import { meQuery, settleOrganization } from '@/api/session';

/** Takes what a sign-in answered: nothing of whoever was here before stays. */
export function entered(me: Schemas['Me']): void {
  queryClient.clear();
  queryClient.setQueryData(meQuery.queryKey, me);
  settleOrganization(me, currentOrganization());
}
