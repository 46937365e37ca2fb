import { Alert, Progress, Stack, Text } from '@mantine/core';
import type { Schemas } from '@/api/client';
import { Time } from '@/ui';
import { count, money } from '@/ui/format';
import { shareOf } from './share';

/** The requests that a subscription includes, and how many of them are used. */
export function Allowance({ subscription }: { subscription: Schemas['Subscription'] }) {
  const { plan, used_requests: used, period_end: end } = subscription;
  const { share, over } = shareOf(used, plan.included_requests);
  const colour = share >= 100 ? 'var(--tg-bad)' : share >= 80 ? 'var(--tg-warn)' : undefined;
  return (
    <Stack gap="xs" className="tg-panel" p="lg" mb="xl">
      <Text fz="1.625rem" fw={600} lh={1.2} className="tg-figures">
        {count(used)}{' '}
        <Text span size="md" fw={400} c="dimmed">
          {plan.included_requests === undefined ? 'requests billed in this period' : `of ${count(plan.included_requests)} included requests used`}
        </Text>
      </Text>
      {plan.included_requests === undefined ? null : <Progress value={Math.min(100, share)} size="lg" color={colour} aria-label="Included requests used" />}
      <Text size="sm" c="dimmed">
        The next period begins <Time at={end} />. Only live gateways count, and only what a backend or the cache answered.
      </Text>
      {over > 0 && plan.overage ? (
        <Alert variant="light" color="amber" title={`${count(over)} requests beyond the included ones`}>
          They cost {money(plan.overage.price_cents, plan.currency)} for each {count(plan.overage.requests)}.
        </Alert>
      ) : null}
      {over >= 0 && share >= 100 && !plan.overage ? (
        <Alert variant="light" color="red" title="The included requests are used up">
          Gateways refuse further requests with 429 until the next period begins. A larger plan lifts this at once.
        </Alert>
      ) : null}
    </Stack>
  );
}
