import { Anchor, Select, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { IconBuildings } from '@tabler/icons-react';
import { $api, api, type Schemas } from '@/api/client';
import { DataTable, EmptyState, Time, useRows, useSearchParams, type Column } from '@/ui';
import { count } from '@/ui/format';
import { Console } from './Console';
import { State } from './State';
import { states } from './words';

type Row = Schemas['OperatorOrganization'];
type StateName = 'active' | 'suspended' | 'unverified' | 'deleted';

const columns: Column<Row>[] = [
  {
    id: 'name',
    title: 'Organization',
    cell: (o) => (
      <Stack gap={0}>
        <Anchor component={Link} to={`/operator/organizations/${o.id}`} underline="always">
          {o.name}
        </Anchor>
        <Text size="xs" c="dimmed" fw={400} style={{ overflowWrap: 'anywhere' }}>
          {o.owners.join(', ') || 'Nobody owns it any more'}
        </Text>
      </Stack>
    ),
  },
  {
    id: 'state',
    title: 'State',
    width: '8rem',
    cell: (o) => <State of={o} />,
  },
  { id: 'plan', title: 'Plan', width: '6rem', cell: (o) => o.plan },
  { id: 'used', title: 'Requests this period', width: '10rem', numeric: true, cell: (o) => count(o.used_requests) },
  { id: 'gateways', title: 'Gateways', width: '6.5rem', numeric: true, cell: (o) => count(o.gateways) },
  { id: 'members', title: 'Members', width: '6.5rem', numeric: true, cell: (o) => count(o.members) },
  { id: 'since', title: 'Since', width: '9rem', cell: (o) => <Time at={o.created_at} /> },
];

export default function OrganizationsPage() {
  const [search, setSearch] = useSearchParams();
  const plans = $api.useQuery('get', '/v1/plans').data?.items ?? [];
  const query = { q: search.q, plan: search.plan, state: search.state as StateName | undefined };
  const rows = useRows<Row>({
    key: ['get', '/v1/operator/organizations', query],
    read: async (cursor, signal) => (await api.GET('/v1/operator/organizations', { params: { query: { ...query, limit: 100, cursor } }, signal })).data ?? { items: [] },
    filtered: Boolean(search.plan ?? search.state),
  });
  return (
    <Console title="Organizations" description="Everybody who uses this Tollgate, the newest first.">
      <DataTable
        caption="Organizations"
        rows={rows}
        columns={columns}
        rowKey={(o) => o.id}
        search={search.q}
        onSearch={(q) => setSearch({ q })}
        searchLabel="Search by name, owner, host or id"
        filters={
          <>
            <Select
              aria-label="Plan"
              placeholder="Any plan"
              clearable
              w="9rem"
              data={plans.map((p) => ({ value: p.name, label: p.title }))}
              value={search.plan ?? null}
              onChange={(plan) => setSearch({ plan: plan ?? undefined })}
            />
            <Select aria-label="State" placeholder="Any state" clearable w="9rem" data={states} value={search.state ?? null} onChange={(state) => setSearch({ state: state ?? undefined })} />
          </>
        }
        empty={
          <EmptyState title="No organization yet" icon={<IconBuildings size={32} />}>
            Each sign-up makes one. It stands here from then on, with its plan, what it has used and who owns it.
          </EmptyState>
        }
      />
    </Console>
  );
}
