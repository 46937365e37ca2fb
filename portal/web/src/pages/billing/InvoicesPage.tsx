import { Anchor, Group } from '@mantine/core';
import { IconReceipt2 } from '@tabler/icons-react';
import { api, type Schemas } from '@/api/client';
import { DataTable, EmptyState, PageHeader, useRows, type Column } from '@/ui';
import { dates, exactMoney } from '@/ui/format';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { InvoiceState } from './InvoiceState';
import { useSubscription } from './useSubscription';

type Invoice = Schemas['Invoice'];

const columns: Column<Invoice>[] = [
  {
    id: 'number', title: 'Number',
    cell: (i) => (
      <TextLink alone to="/billing/invoices/$invoice" params={{ invoice: i.id }}>
        {i.number || 'Draft'}
      </TextLink>
    ),
  },
  { id: 'period', title: 'Period', width: '16rem', cell: (i) => dates(i.period_start, i.period_end) },
  { id: 'state', title: 'State', width: '9rem', cell: (i) => <InvoiceState invoice={i} /> },
  { id: 'total', title: 'Total', width: '9rem', numeric: true, cell: (i) => <span className="tg-figures">{exactMoney(i.total_cents, i.currency)}</span> },
  {
    id: 'open', title: 'Open', width: '9rem', quiet: true,
    cell: (i) => (
      <Group gap="md" wrap="nowrap">
        {i.hosted_url ? (
          <Anchor href={i.hosted_url} target="_blank" rel="noreferrer" aria-label={`${i.status === 'open' ? 'Pay' : 'Open'} the invoice ${i.number}`}>
            {i.status === 'open' ? 'Pay' : 'Open'}
          </Anchor>
        ) : null}
        {i.pdf_url ? (
          <Anchor href={i.pdf_url} target="_blank" rel="noreferrer" aria-label={`PDF of the invoice ${i.number}`}>
            PDF
          </Anchor>
        ) : null}
      </Group>
    ),
  },
];

export default function InvoicesPage() {
  const subscription = useSubscription().data;
  const rows = useRows<Invoice>({
    key: ['get', '/v1/invoices'],
    read: async (cursor, signal) => (await api.GET('/v1/invoices', { params: { query: { limit: 50, cursor } }, signal })).data ?? { items: [] },
  });
  const current = (
    <LinkButton variant="default" to="/billing/invoices/$invoice" params={{ invoice: 'current' }}>
      The running period
    </LinkButton>
  );
  return (
    <>
      <PageHeader title="Invoices" description="Each opens up to the hours and keys that it was counted from." docs="/docs/billing#invoices" actions={rows.items.length > 0 ? current : undefined} />
      <DataTable
        caption="Invoices, the newest first"
        rows={rows}
        columns={columns}
        rowKey={(i) => i.id}
        empty={
          <EmptyState title="No invoices yet" icon={<IconReceipt2 size={32} />} action={current}>
            {subscription && !subscription.payment
              ? 'This Tollgate takes no payments, so it writes no invoices. What the running period has used, by hour and key, can be seen all the same.'
              : 'The first one comes when the first paid period ends. What the running period has used, by hour and key, can be seen at any time.'}
          </EmptyState>
        }
      />
    </>
  );
}
