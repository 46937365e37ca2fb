import { Button, Group, Stack, Text } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import { IconDownload, IconExternalLink } from '@tabler/icons-react';
import { $api, api, type Schemas } from '@/api/client';
import { ChartSkeleton, Loaded, PageHeader, PanelSkeleton, useAction } from '@/ui';
import { download } from '@/ui/download';
import { Facts } from '@/ui/Facts';
import { count, date, dates, dateTime, exactMoney } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { InvoiceState } from './InvoiceState';
import { Chain, Keys } from './Ledger';
import { Lines } from './Lines';
import { PeriodChart } from './PeriodChart';
import { usePlans, useSubscription } from './useSubscription';

type Reconciliation = Schemas['Reconciliation'];

export default function InvoicePage() {
  const { invoice = '' } = useParams({ strict: false });
  const query = $api.useQuery('get', '/v1/invoices/{invoice}/reconciliation', { params: { path: { invoice } } }, { refetchInterval: invoice === 'current' ? 60_000 : false });
  return (
    <Loaded
      query={query}
      title={invoice === 'current' ? 'The running period' : 'Invoice'}
      skeleton={
        <Stack gap="xl">
          <PanelSkeleton lines={3} />
          <PanelSkeleton lines={5} />
          <ChartSkeleton height={290} />
        </Stack>
      }
    >
      {(found) => <Reconciled id={invoice} found={found} />}
    </Loaded>
  );
}

function Reconciled({ id, found }: { id: string; found: Reconciliation }) {
  const plans = usePlans().data ?? [];
  const subscription = useSubscription().data;
  const titles = Object.fromEntries(plans.map((p) => [p.name, p.title]));
  const { invoice, hours, totals } = found;
  const from = invoice?.period_start ?? subscription?.period_start;
  const to = invoice?.period_end ?? subscription?.period_end;
  const currency = invoice?.currency ?? subscription?.plan.currency ?? 'usd';
  const period = from && to ? dates(from, to) : undefined;
  return (
    <>
      <PageHeader
        title={invoice ? `Invoice ${invoice.number}` : 'The running period'}
        badge={invoice ? <InvoiceState invoice={invoice} /> : undefined}
        description={invoice ? 'What it charges, and the ledger that it was counted from.' : 'What the ledger has counted so far, as it would stand on an invoice.'}
        docs="/docs/billing#reconciliation"
        actions={<Actions id={id} invoice={invoice} />}
      />
      <Stack className="tg-panel" p="lg" mb="xl">
        <Facts
          facts={[
            ['Period', period],
            ['Billed requests', count(totals.ledger_requests)],
            ['Subtotal', invoice ? exactMoney(invoice.subtotal_cents, currency) : exactMoney(totals.amount_cents, currency)],
            ['Tax', invoice?.tax_cents ? exactMoney(invoice.tax_cents, currency) : undefined],
            ['Total', invoice ? <strong key="t">{exactMoney(invoice.total_cents, currency)}</strong> : undefined],
            ['Paid', invoice?.paid_at ? date(invoice.paid_at) : undefined],
            ['Still due', invoice?.status === 'open' ? exactMoney(invoice.amount_due_cents, currency) : undefined],
            ['Next try', invoice?.status === 'open' && invoice.next_attempt_at ? dateTime(invoice.next_attempt_at) : undefined],
          ]}
        />
      </Stack>
      <Panel title="Lines" text="Each opens up to what the ledger counted for it.">
        <Lines found={found} plans={plans} titles={titles} currency={currency} span={from && to ? { from, to } : undefined} />
      </Panel>
      <Panel title="By hour" text="The hours of the ledger that this is made of, in UTC.">
        {hours.length > 0 && from && to ? (
          <PeriodChart title="Billed requests" hours={hours} from={from} to={to} titles={titles} />
        ) : (
          <Text className="tg-panel" p="lg">
            No hour of this period has a billed request.
          </Text>
        )}
      </Panel>
      <Keys found={found} />
      <Chain found={found} />
    </>
  );
}

function Actions({ id, invoice }: { id: string; invoice: Reconciliation['invoice'] | undefined }) {
  const [busy, save] = useAction(async () => {
    const { data } = await api.GET('/v1/invoices/{invoice}/reconciliation.csv', { params: { path: { invoice: id } }, parseAs: 'blob' });
    if (data) download(`${invoice?.number ?? 'running-period'}-ledger.csv`, data as unknown as Blob);
  });
  return (
    <Group gap="xs">
      {invoice?.hosted_url ? (
        <Button component="a" href={invoice.hosted_url} target="_blank" rel="noreferrer" variant={invoice.status === 'open' ? 'filled' : 'default'} rightSection={<IconExternalLink size={16} aria-hidden />}>
          {invoice.status === 'open' ? 'Pay it' : 'Open it'}
        </Button>
      ) : null}
      {invoice?.pdf_url ? (
        <Button component="a" href={invoice.pdf_url} target="_blank" rel="noreferrer" variant="default">
          PDF
        </Button>
      ) : null}
      <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />} onClick={() => save()} loading={busy}>
        Ledger as CSV
      </Button>
    </Group>
  );
}
