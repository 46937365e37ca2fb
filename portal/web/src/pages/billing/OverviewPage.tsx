import { Badge, Button, Stack } from '@mantine/core';
import { IconCreditCard } from '@tabler/icons-react';
import { $api } from '@/api/client';
import { useMay } from '@/api/session';
import { ChartSkeleton, EmptyState, FiguresSkeleton, Loaded, PageHeader, PanelSkeleton, useAction } from '@/ui';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { Panel } from '@/ui/Panel';
import { paymentPage, type Subscription } from './act';
import { Cancel } from './Cancel';
import { Estimate } from './Estimate';
import { Gauge } from './Gauge';
import { PeriodChart } from './PeriodChart';
import { Limits } from './Limits';
import { PlanState } from './PlanState';
import { SpendingCap } from './SpendingCap';
import { UseOnly } from './UseOnly';
import { usePlans, useSubscription } from './useSubscription';

export default function OverviewPage() {
  // Who uses the gateways and does not see what they cost.
  return useMay('billing:read') ? <WithPrices /> : <UseOnly />;
}

function WithPrices() {
  const query = useSubscription();
  return (
    <>
      <PageHeader
        title="Plan and usage"
        description="What this period has used, what it will cost, and where it stops."
        docs="/docs/billing"
        badge={query.data ? <Badge size="lg">{query.data.plan.title}</Badge> : undefined}
        actions={query.data ? <Actions subscription={query.data} /> : undefined}
      />
      <Loaded
        query={query}
        skeleton={
          <Stack gap="xl">
            <PanelSkeleton lines={4} />
            <ChartSkeleton height={290} />
            <FiguresSkeleton />
          </Stack>
        }
      >
        {(subscription) => <Overview subscription={subscription} />}
      </Loaded>
    </>
  );
}

function Overview({ subscription }: { subscription: Subscription }) {
  const plans = usePlans();
  const titles = Object.fromEntries((plans.data ?? [subscription.plan]).map((p) => [p.name, p.title]));
  return (
    <>
      <PlanState subscription={subscription} titles={titles} />
      <Gauge subscription={subscription} />
      <Hours subscription={subscription} titles={titles} />
      <Estimate subscription={subscription} titles={titles} />
      <SpendingCap subscription={subscription} key={String(subscription.spending_cap_cents)} />
      <Limits subscription={subscription} />
      <Cancel subscription={subscription} />
    </>
  );
}

function Actions({ subscription }: { subscription: Subscription }) {
  const may = useMay('billing:write');
  const [busy, go] = useAction(paymentPage);
  return (
    <>
      <LinkButton to="/billing/plans">{may ? 'Change the plan' : 'See the plans'}</LinkButton>
      {may && subscription.payment && subscription.status !== 'none' ? (
        <Button variant="default" leftSection={<IconCreditCard size={16} aria-hidden />} onClick={() => go()} loading={busy}>
          Cards and addresses
        </Button>
      ) : null}
    </>
  );
}

function Hours({ subscription, titles }: { subscription: Subscription; titles: Record<string, string> }) {
  const query = $api.useQuery('get', '/v1/invoices/{invoice}/reconciliation', { params: { path: { invoice: 'current' }, query: { keys: false } } }, { refetchInterval: 60_000 });
  return (
    <Panel
      title="Billed requests"
      text={
        <>
          From the same ledger that invoices are made from. <TextLink to="/billing/invoices/$invoice" params={{ invoice: 'current' }}>See it by hour and key</TextLink>
        </>
      }
    >
      <Loaded query={query} skeleton={<ChartSkeleton height={290} />}>
        {({ hours }) =>
          hours.length === 0 ? (
            <EmptyState title="Nothing was billed in this period yet">As soon as a live gateway answers a request from a backend or its cache, it is counted here.</EmptyState>
          ) : (
            <PeriodChart title="Billed requests of this period" hours={hours} from={subscription.period_start} to={subscription.period_end} titles={titles} />
          )
        }
      </Loaded>
    </Panel>
  );
}
