import { Badge, Group, List, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { $api, type Schemas } from '@/api/client';
import { FiguresSkeleton, Loaded, PageHeader, PanelSkeleton } from '@/ui';
import { Facts } from '@/ui/Facts';
import { bytes, count, date, money } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { factsOf, inDays } from '../public/planFacts';
import { Allowance } from './Allowance';

type Plan = Schemas['Plan'];

const price = (plan: Plan): string => (plan.price_cents === 0 ? 'Free' : `${money(plan.price_cents, plan.currency)} a month`);

export default function SubscriptionPage() {
  const query = $api.useQuery('get', '/v1/subscription', undefined, { refetchInterval: 60_000 });
  return (
    <>
      <PageHeader title="Subscription" description="What your organization buys, and how much of it is used." />
      <Loaded
        query={query}
        skeleton={
          <Stack>
            <PanelSkeleton lines={3} />
            <FiguresSkeleton />
          </Stack>
        }
      >
        {(subscription) => (
          <>
            <Allowance subscription={subscription} />
            <Panel title={`The plan ${subscription.plan.title}`}>
              <Stack className="tg-panel" p="lg">
                <Limits subscription={subscription} />
              </Stack>
            </Panel>
            <Plans current={subscription.plan.name} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Limits({ subscription: { plan, since, period_start: from, period_end: to } }: { subscription: Schemas['Subscription'] }) {
  const limit = (n: number | undefined, unit = '') => (n === undefined ? 'No limit' : `${count(n)}${unit}`);
  return (
    <Facts
      facts={[
        ['Price', price(plan)],
        ['Since', date(since)],
        ['This period', `${date(from)} to ${date(to)}`],
        ['Rate', plan.requests_per_second === undefined ? 'No limit' : `${count(plan.requests_per_second)} requests a second${plan.burst ? `, bursts of ${count(plan.burst)}` : ''}`],
        ['Requests at once', limit(plan.concurrency)],
        ['Gateways', limit(plan.gateways)],
        ['Consumers', limit(plan.consumers, ' a gateway')],
        ['API keys', limit(plan.keys)],
        ['Largest body', plan.max_body_bytes === undefined ? 'No limit' : bytes(plan.max_body_bytes)],
        ['Logs are kept for', inDays(plan.log_retention)],
        ['Beyond the included requests', plan.overage ? `${money(plan.overage.price_cents, plan.currency)} for each ${count(plan.overage.requests)}` : 'Refused until the next period'],
      ]}
    />
  );
}

function Plans({ current }: { current: string }) {
  const query = $api.useQuery('get', '/v1/plans', undefined, { staleTime: 10 * 60_000 });
  return (
    <Panel title="All plans" text="Whoever runs this Tollgate can change your plan.">
      <Loaded query={query} skeleton={<FiguresSkeleton figures={3} />}>
        {(plans) => (
          <SimpleGrid cols={{ base: 1, md: Math.min(3, plans.items.length) }}>
            {plans.items.map((plan) => (
              <Stack key={plan.name} gap="xs" className="tg-panel" p="lg">
                <Group justify="space-between">
                  <Title order={3}>{plan.title}</Title>
                  {plan.name === current ? (
                    <Badge variant="light" tt="none">
                      Yours
                    </Badge>
                  ) : null}
                </Group>
                <Text fz="lg" fw={600}>
                  {price(plan)}
                </Text>
                <List size="sm" spacing={4}>
                  {factsOf(plan).map((fact) => (
                    <List.Item key={fact}>{fact}</List.Item>
                  ))}
                </List>
              </Stack>
            ))}
          </SimpleGrid>
        )}
      </Loaded>
    </Panel>
  );
}
