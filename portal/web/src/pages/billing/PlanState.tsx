import { Alert, Button, Group, Text } from '@mantine/core';
import { useMay } from '@/api/session';
import { done, useAction } from '@/ui';
import { dateTime } from '@/ui/format';
import { change, type Subscription } from './act';

/** A change that waits for the period's end, with the button that takes it back; nothing where none does. */
export function PlanState({ subscription, titles }: { subscription: Subscription; titles: Record<string, string> }) {
  const { plan, next_plan: next, cancel_at_period_end: ends, period_end: end, status } = subscription;
  const when = dateTime(end);
  if (ends) {
    return (
      <Pending subscription={subscription} title={`The subscription ends on ${when}`} undo="Keep the subscription" body={{ cancel_at_period_end: false }} undone="The subscription goes on.">
        Until then {plan.title} stays with all its limits. After that, the limits of {titles[next ?? ''] ?? 'the free plan'} hold; nothing is deleted.
      </Pending>
    );
  }
  if (next) {
    return (
      <Pending subscription={subscription} title={`The plan changes to ${titles[next] ?? next} on ${when}`} undo={`Keep ${plan.title}`} body={{ plan: plan.name }} undone={`The plan stays ${plan.title}.`}>
        Until then {plan.title} stays with all its limits, and this period is billed as {plan.title}.
      </Pending>
    );
  }
  if (status === 'incomplete') {
    return (
      <Alert color="amber" variant="light" mb="lg" title="The first payment is not confirmed yet">
        The plan changes as soon as it is. If you left the payment page, choose the plan again.
      </Alert>
    );
  }
  return null;
}

interface PendingProps {
  subscription: Subscription;
  title: string;
  undo: string;
  body: Parameters<typeof change>[1];
  undone: string;
  children: React.ReactNode;
}

function Pending({ subscription, title, undo, body, undone, children }: PendingProps) {
  const may = useMay('billing:write');
  const [busy, act] = useAction(async () => {
    await change(subscription, body);
    done(undone);
  });
  return (
    <Alert color="amber" variant="light" mb="lg" title={title}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" maw="44rem">
          {children}
        </Text>
        {may ? (
          <Button size="compact-sm" variant="default" onClick={() => act()} loading={busy}>
            {undo}
          </Button>
        ) : null}
      </Group>
    </Alert>
  );
}
