import { Button, Group, List, Modal, Stack, Table, Text } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import { useState } from 'react';
import { $api, type Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { done, ErrorState, PanelSkeleton, ProblemNote } from '@/ui';
import { dateTime, exactMoney } from '@/ui/format';
import { change, checkout, type Plan, type Subscription } from './act';
import { differences, needsCheckout, stepTo } from './compare';

export interface ChangePlanProps {
  opened: boolean;
  to: Plan;
  subscription: Subscription;
  onClose: () => void;
}

/** What changing to a plan means and costs, now and later, and the button that does it. */
export function ChangePlan({ opened, to, subscription, onClose }: ChangePlanProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const pay = needsCheckout(subscription, to);
  const preview = $api.useQuery('post', '/v1/subscription/preview', { body: { plan: to.name } }, { enabled: opened, staleTime: 30_000 });
  const step = stepTo(subscription.plan, to);
  const up = step !== 'downgrade';
  const verb = step === 'same' ? 'Subscribe' : up ? 'Upgrade' : 'Change';
  const act = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      if (pay) {
        await checkout(to.name);
        return; // busy until the payment page is there
      }
      await change(subscription, { plan: to.name });
      done(up ? `You have the plan ${to.title} now.` : `The plan changes to ${to.title} when the period ends.`);
      onClose();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  return (
    <Modal opened={opened} onClose={onClose} title={`${verb} to ${to.title}?`} size="lg">
      <Stack>
        <Differences from={subscription.plan} to={to} />
        {preview.error ? (
          <ErrorState error={preview.error} retry={() => void preview.refetch()} />
        ) : preview.data ? (
          <Cost preview={preview.data} to={to} subscription={subscription} pay={pay} up={up} />
        ) : (
          <PanelSkeleton lines={3} />
        )}
        <ProblemNote problem={problem} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Back
          </Button>
          <Button onClick={() => void act()} loading={busy} disabled={!preview.data} rightSection={pay ? <IconArrowRight size={16} aria-hidden /> : undefined}>
            {pay ? 'Go to the payment page' : `${verb} to ${to.title}`}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function Differences({ from, to }: { from: Plan; to: Plan }) {
  const all = differences(from, to);
  if (all.length === 0) return null;
  return (
    <Table verticalSpacing={6} horizontalSpacing="xs" captionSide="top">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>What changes</Table.Th>
          <Table.Th>{from.title}</Table.Th>
          <Table.Th>{to.title}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {all.map((d) => (
          <Table.Tr key={d.what}>
            <Table.Th fw={400}>{d.what}</Table.Th>
            <Table.Td c="dimmed">{d.from}</Table.Td>
            <Table.Td fw={d.more ? 600 : 400}>{d.to}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

interface CostProps {
  preview: Schemas['SubscriptionPreview'];
  to: Plan;
  subscription: Subscription;
  pay: boolean;
  up: boolean;
}

function Cost({ preview, to, subscription, pay, up }: CostProps) {
  const cents = (n: number) => exactMoney(n, to.currency);
  const when = dateTime(preview.effective_at);
  const end = dateTime(subscription.period_end);
  return (
    <Stack gap={6}>
      <List spacing={4}>
        <List.Item>{up ? (pay ? 'It takes effect as soon as the payment is confirmed.' : 'It takes effect at once.') : `It takes effect on ${when}. Until then ${subscription.plan.title} stays, and you can take the change back.`}</List.Item>
        {subscription.payment ? (
          <>
            <List.Item>
              Due now: <strong>{cents(preview.due_now_cents)}</strong>
              {up ? `, for the rest of this period until ${end}.` : '.'}
            </List.Item>
            <List.Item>
              The invoice of {end}: <strong>{cents(preview.next_cents)}</strong>
              {to.overage ? ', and what goes beyond the included requests from now on.' : '.'}
            </List.Item>
          </>
        ) : (
          <List.Item>Nothing is charged: this Tollgate takes no payments.</List.Item>
        )}
        {up ? <List.Item>What you have used in this period carries over.</List.Item> : null}
      </List>
      {preview.lines.length > 0 ? (
        <Table verticalSpacing={4} horizontalSpacing="xs" aria-label="What is due now">
          <Table.Tbody>
            {preview.lines.map((line, i) => (
              <Table.Tr key={i}>
                <Table.Th fw={400}>{line.description}</Table.Th>
                <Table.Td ta="right" className="tg-figures">
                  {cents(line.amount_cents)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      ) : null}
      {subscription.payment ? (
        <Text size="sm" c="dimmed">
          Taxes, where there are any, come on top.
        </Text>
      ) : null}
    </Stack>
  );
}
