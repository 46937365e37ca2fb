import { Badge } from '@mantine/core';
import { $api } from '@/api/client';
import { Loaded, PageHeader, PanelSkeleton } from '@/ui';
import { Bar } from './Gauge';

/** How much of the period's requests is used, for members who don't see the billing. */
export function UseOnly() {
  const query = $api.useQuery('get', '/v1/subscription/usage', undefined, { refetchInterval: 60_000 });
  return (
    <>
      <PageHeader
        title="Plan and usage"
        description="How many of the requests that the organization's plan includes are used. Owners, admins and who cares for the billing see what they cost."
        badge={query.data ? <Badge size="lg">{query.data.plan_title}</Badge> : undefined}
      />
      <Loaded query={query} skeleton={<PanelSkeleton lines={4} />}>
        {({ used_requests, included_requests, hard_cap, period_end }) => (
          <Bar
            subscription={{ used_requests, period_end, plan: { included_requests, overage: hard_cap ? undefined : anyPrice } }}
            note={hard_cap ? 'Beyond the included requests, gateways refuse with 429 until then.' : 'Beyond the included requests, gateways go on.'}
          />
        )}
      </Loaded>
    </>
  );
}

/** Stands for a price that this member does not see. */
const anyPrice = { requests: 1, price_cents: 0 };
