import { Anchor, Button, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconUsers } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { api, type Schemas } from '@/api/client';
import type { paths } from '@/api/schema';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, PageHeader, Time, isBare, useRows, useSearchParams, type Column } from '@/ui';
import { count } from '@/ui/format';
import { RemoteSelect } from '@/ui/RemoteSelect';
import { NewConsumer } from './NewConsumer';

type Consumer = Schemas['Consumer'];
type Sort = NonNullable<paths['/v1/gateways/{gateway}/consumers']['get']['parameters']['query']>['sort'];

function columnsOf(gateway: string): Column<Consumer>[] {
  const none = (
    <Text inherit c="dimmed">
      None
    </Text>
  );
  return [
    {
      id: 'name',
      title: 'Consumer',
      sort: 'name',
      cell: (c) => <Anchor renderRoot={(props) => <Link to="/gateways/$gw/consumers/$name" params={{ gw: gateway, name: c.name ?? c.id }} {...props} />}>{c.name}</Anchor>,
    },
    {
      id: 'plan',
      title: 'Usage plan',
      width: '12rem',
      cell: (c) =>
        c.usage_plan ? (
          <Anchor renderRoot={(props) => <Link to="/gateways/$gw/usage-plans/$name" params={{ gw: gateway, name: c.usage_plan ?? '' }} {...props} />}>{c.usage_plan}</Anchor>
        ) : (
          none
        ),
    },
    {
      id: 'quota',
      title: 'Quota left',
      width: '12rem',
      numeric: true,
      cell: (c) => {
        const quota = c.budgets?.find((b) => b.name === 'quota');
        if (!quota) return none;
        return quota.remaining === undefined ? `of ${count(quota.limit)} a ${quota.window}` : `${count(quota.remaining)} of ${count(quota.limit)}`;
      },
    },
    { id: 'identities', title: 'Identities', width: '7rem', numeric: true, cell: (c) => count(c.identities?.length ?? 0) },
    { id: 'created', title: 'Made', width: '9rem', sort: 'created_at', cell: (c) => <Time at={c.created_at} /> },
  ];
}

export default function ConsumersPage() {
  const gateway = useGatewayName();
  const [search, setSearch] = useSearchParams();
  const [opened, dialog] = useDisclosure(false);
  const may = useMay('consumers:write');
  const sort = search.sort ?? 'name';
  const rows = useRows<Consumer>({
    key: ['get', '/v1/gateways/{gateway}/consumers', gateway, search.q, sort, search.plan],
    read: async (cursor, signal) => {
      const query = { limit: 100, cursor, q: search.q, sort: sort as Sort, usage_plan: search.plan, budgets: true, count: cursor === undefined };
      return (await api.GET('/v1/gateways/{gateway}/consumers', { params: { path: { gateway }, query }, signal })).data ?? { items: [] };
    },
    filtered: Boolean(search.plan),
  });
  const make = may ? <Button onClick={dialog.open}>New consumer</Button> : null;
  return (
    <>
      <PageHeader
        title="Consumers"
        description="Whoever calls the gateway: an app, a customer, a partner. A consumer owns its keys and has a usage plan."
        docs="/docs/keys"
        actions={isBare(rows, search.q) ? null : make}
      />
      <DataTable
        caption={`Consumers of ${gateway}`}
        rows={rows}
        columns={columnsOf(gateway)}
        rowKey={(c) => c.id}
        search={search.q}
        onSearch={(q) => setSearch({ q })}
        searchLabel="Search by name"
        sort={sort}
        onSort={(next) => setSearch({ sort: next })}
        filters={
          <RemoteSelect
            gateway={gateway}
            kind="usage-plans"
            aria-label="Usage plan"
            placeholder="Any usage plan"
            clearable
            w="13rem"
            value={search.plan ?? ''}
            onChange={(plan) => setSearch({ plan })}
          />
        }
        empty={
          <EmptyState title="Nobody calls this gateway yet" icon={<IconUsers size={32} />} action={make}>
            Make a consumer for each app or customer that will call it. Limits, usage and refused requests are then told apart by consumer, and one can be cut off without the
            others.
          </EmptyState>
        }
      />
      <NewConsumer gateway={gateway} opened={opened} onClose={dialog.close} />
    </>
  );
}
