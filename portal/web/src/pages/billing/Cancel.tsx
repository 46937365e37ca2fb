import { Button, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMay } from '@/api/session';
import { ConfirmDanger, done } from '@/ui';
import { dateTime } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { change, type Subscription } from './act';

/** Ends a plan that costs something, at the end of its period. */
export function Cancel({ subscription }: { subscription: Subscription }) {
  const may = useMay('billing:write');
  const [asking, dialog] = useDisclosure(false);
  const { plan, period_end: end, cancel_at_period_end: ends } = subscription;
  if (!may || plan.price_cents === 0 || ends) return null;
  const when = dateTime(end);
  return (
    <Panel title="Cancel the subscription">
      <Stack align="flex-start" gap="sm">
        <Text>
          {plan.title} then stays until {when}, and is not renewed.
        </Text>
        <Button variant="default" c="var(--tg-bad)" onClick={dialog.open}>
          Cancel the subscription
        </Button>
      </Stack>
      <ConfirmDanger
        opened={asking}
        onClose={dialog.close}
        title="Cancel the subscription?"
        consequences={[
          `Until ${when} everything stays as it is. You can take the cancellation back until then.`,
          'From then on, the limits of the free plan hold: gateways refuse what goes beyond its included requests.',
          'A last invoice comes with the requests beyond the included ones of this period.',
          'Nothing is deleted: gateways, keys and settings stay, also those beyond the free plan’s limits, but none can be added to them.',
        ]}
        action="Cancel the subscription"
        back="Back"
        onConfirm={async () => {
          await change(subscription, { cancel_at_period_end: true });
          done(`The subscription ends on ${when}.`);
        }}
      />
    </Panel>
  );
}
