import { Stack } from '@mantine/core';
import { Facts } from '@/ui/Facts';
import { bytes, count, date, dates, money } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { inDays } from '../public/planFacts';
import type { Subscription } from './act';
import { priceOf } from './compare';

/** What the plan costs and allows. */
export function Limits({ subscription: { plan, since, period_start: from, period_end: to } }: { subscription: Subscription }) {
  const limit = (n: number | undefined, unit = '') => (n === undefined ? 'No limit' : `${count(n)}${unit}`);
  return (
    <Panel title={`The plan ${plan.title}`}>
      <Stack className="tg-panel" p="lg">
        <Facts
          facts={[
            ['Price', priceOf(plan)],
            ['Since', date(since)],
            ['This period', dates(from, to)],
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
      </Stack>
    </Panel>
  );
}
