import { Anchor, Button, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconTicket } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { api, type Schemas } from '@/api/client';
import type { paths } from '@/api/schema';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, done, EmptyState, PageHeader, Time, isBare, useRows, useSearchParams, type Column } from '@/ui';
import { count } from '@/ui/format';
import { ManagedBadge } from '@/ui/ManagedBadge';
import { quotaText, rateText } from './limits';
import { PlanForm } from './PlanForm';

type Plan = Schemas['UsagePlan'];
type Sort = NonNullable<paths['/v1/gateways/{gateway}/usage-plans']['get']['parameters']['query']>['sort'];

const none = (
  <Text inherit c="dimmed">
    No limit
  </Text>
);

function columnsOf(gateway: string): Column<Plan>[] {
  return [
    {
      id: 'name',
      title: 'Usage plan',
      sort: 'name',
      cell: (p) => (
        <>
          <Anchor renderRoot={(props) => <Link to="/gateways/$gw/usage-plans/$name" params={{ gw: gateway, name: p.name ?? p.id }} {...props} />}>{p.name}</Anchor> <ManagedBadge by={p.managed_by} />
        </>
      ),
    },
    { id: 'rate', title: 'Rate', width: '15rem', cell: (p) => (p.rate_limit ? rateText(p.rate_limit) : none) },
    { id: 'quota', title: 'Quota', width: '11rem', cell: (p) => (p.quota ? quotaText(p.quota) : none) },
    { id: 'concurrency', title: 'At once', width: '7rem', cell: (p) => (p.concurrency ? count(p.concurrency) : none) },
    { id: 'routes', title: 'Routes', width: '7rem', cell: (p) => (p.routes?.length ? count(p.routes.length) : 'All') },
    { id: 'updated', title: 'Changed', width: '9rem', sort: 'updated_at', cell: (p) => <Time at={p.updated_at} /> },
  ];
}

export default function UsagePlansPage() {
  const gateway = useGatewayName();
  const [search, setSearch] = useSearchParams();
  const [opened, dialog] = useDisclosure(false);
  const may = useMay('gateways:write');
  const sort = search.sort ?? 'name';
  const rows = useRows<Plan>({
    key: ['get', '/v1/gateways/{gateway}/usage-plans', gateway, search.q, sort],
    read: async (cursor, signal) => {
      const query = { limit: 100, cursor, q: search.q, sort: sort as Sort, count: cursor === undefined };
      return (await api.GET('/v1/gateways/{gateway}/usage-plans', { params: { path: { gateway }, query }, signal })).data ?? { items: [] };
    },
  });
  const make = may ? <Button onClick={dialog.open}>New usage plan</Button> : null;
  return (
    <>
      <PageHeader title="Usage plans" description="What a consumer may do: how fast, how much, how many at once, and which routes." docs="/docs/limits" actions={isBare(rows, search.q) ? null : make} />
      <DataTable
        caption={`Usage plans of ${gateway}`}
        rows={rows}
        columns={columnsOf(gateway)}
        rowKey={(p) => p.id}
        search={search.q}
        onSearch={(q) => setSearch({ q })}
        searchLabel="Search by name"
        sort={sort}
        onSort={(next) => setSearch({ sort: next })}
        empty={
          <EmptyState title="No usage plan yet" icon={<IconTicket size={32} />} action={make}>
            A usage plan gives every consumer that has it the same rate, quota and concurrency: “free” with 1,000 requests a day, “gold” with a million. What goes beyond is refused
            with 429 and says when to try again.
          </EmptyState>
        }
      />
      <Modal opened={opened} onClose={dialog.close} title="New usage plan" size="lg" closeOnClickOutside={false}>
        {opened ? (
          <PlanForm
            gateway={gateway}
            onSaved={(name) => {
              dialog.close();
              done(`The usage plan ${name} is made.`);
            }}
            cancel={
              <Button variant="default" onClick={dialog.close}>
                Cancel
              </Button>
            }
          />
        ) : null}
      </Modal>
    </>
  );
}
