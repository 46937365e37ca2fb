import { Accordion, Alert, Group, Stack, Text } from '@mantine/core';
import type { Schemas } from '@/api/client';
import { sentence } from '@/api/problem';
import { Facts } from '@/ui/Facts';
import { count, exactMoney } from '@/ui/format';
import { StateDot, type DotState } from '@/ui/StateDot';
import { PeriodChart } from './PeriodChart';
import type { Plan } from './act';
import { agreement, entriesOf, reckoning, type Agreement, type Entry } from './reckon';

export interface LinesProps {
  found: Schemas['Reconciliation'];
  plans: readonly Plan[];
  titles: Record<string, string>;
  currency: string;
  /** The period, for the hours of each plan; undefined while it is not known. */
  span: { from: string; to: string } | undefined;
}

/** The lines of an invoice; each opens up to the ledger's side of it. */
export function Lines({ found, plans, titles, currency, span }: LinesProps) {
  const several = new Set(found.hours.map((h) => h.plan)).size > 1;
  const entries = entriesOf(found, titles);
  const invoiced = found.invoice !== undefined;
  if (entries.length === 0) {
    return (
      <Text className="tg-panel" p="lg">
        There is no line: nothing was billed.
      </Text>
    );
  }
  return (
    <Accordion multiple variant="contained" order={3} chevronPosition="left" defaultValue={entries.filter((e) => agreement(e, invoiced) === 'differs').map((e) => e.id)}>
      {entries.map((entry) => (
        <Accordion.Item key={entry.id} value={entry.id} bg="var(--tg-panel)">
          <Accordion.Control>
            <Group justify="space-between" gap="md" wrap="nowrap">
              <Group gap="sm" wrap="nowrap">
                {invoiced ? <StateDot state={dots[agreement(entry, invoiced)]} /> : null}
                <span>{entry.title}</span>
              </Group>
              <Text span fw={600} className="tg-figures" style={{ whiteSpace: 'nowrap' }}>
                {exactMoney(entry.cents, currency)}
              </Text>
            </Group>
          </Accordion.Control>
          <Accordion.Panel>
            <Side entry={entry} plans={plans} currency={currency} invoiced={invoiced} />
            {several && entry.ledger && span ? <OnPlan plan={entry.ledger.plan} hours={found.hours} span={span} titles={titles} /> : null}
          </Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  );
}

/** The hours of one plan, where the period had several. */
function OnPlan({ plan, hours, span, titles }: { plan: string; hours: LinesProps['found']['hours']; span: { from: string; to: string }; titles: Record<string, string> }) {
  const own = hours.filter((h) => h.plan === plan);
  if (own.length === 0) return null;
  return (
    <div style={{ marginTop: 'var(--mantine-spacing-sm)' }}>
      <PeriodChart title={`Billed requests on ${titles[plan] ?? plan}`} hours={own} from={span.from} to={span.to} titles={titles} height={140} />
    </div>
  );
}

const dots: Record<Agreement, DotState> = { 'adds up': 'good', 'unbilled': 'idle', 'differs': 'warn', 'open': 'idle' };

const kinds: Record<string, string> = {
  base: 'The price of the plan for a month, in advance. It is an amount, not a count: no request stands behind it.',
  proration: 'A part of a plan’s price, by the second, for a change within the period. No request stands behind it.',
  late_usage: 'Requests of an earlier period that were counted after its invoice was made.',
  usage_correction: 'Requests that an earlier invoice counted and the ledger does not have: given back.',
  credit: 'A credit that was given to the organization.',
  other: 'An amount that was added by hand.',
};

function Side({ entry, plans, currency, invoiced }: { entry: Entry; plans: readonly Plan[]; currency: string; invoiced: boolean }) {
  const { lines, ledger } = entry;
  if (!ledger) return <Text>{kinds[lines[0]?.kind ?? 'other'] ?? kinds.other}</Text>;
  const plan = plans.find((p) => p.name === ledger.plan);
  return (
    <Stack gap="sm">
      <Facts
        facts={[
          ['On the invoice', lines.length > 0 ? `${count(ledger.billed_quantity)} requests, ${exactMoney(entry.cents, currency)}` : undefined],
          ...lines.slice(lines.length > 1 ? 0 : 1).map((l) => [l.description, `${count(l.quantity)} requests, ${exactMoney(l.amount_cents, currency)}`] as const),
          ['In the ledger', `${count(ledger.ledger_requests)} requests`],
          ['Included', count(ledger.included)],
          ['Beyond', count(ledger.overage_requests)],
          ['Reckoned', reckoning({ requests: ledger.ledger_requests, beyond: ledger.overage_requests }, plan)],
        ]}
      />
      <Verdict is={agreement(entry, invoiced)} ledger={ledger} />
    </Stack>
  );
}

/** Whether line and ledger agree, and why not. */
function Verdict({ is, ledger }: { is: Agreement; ledger: NonNullable<Entry['ledger']> }) {
  const why = ledger.explanation ? sentence(ledger.explanation) : '';
  switch (is) {
    case 'adds up':
      return (
        <Alert color="green" variant="light" title="It adds up">
          {why || 'The invoice and the ledger have the same count.'}
        </Alert>
      );
    case 'unbilled':
      return (
        <Alert color="gray" variant="light" title="Not billed">
          {why}
        </Alert>
      );
    case 'differs':
      return (
        <Alert color="amber" variant="light" title={`The ledger has ${count(Math.abs(ledger.difference_requests))} ${ledger.difference_requests > 0 ? 'more' : 'fewer'}`}>
          {why}
        </Alert>
      );
    case 'open':
      return null;
  }
}
