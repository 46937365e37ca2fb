import { Badge, Group, Text } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { CopyText, DataTable, EmptyState, PageHeader, StateDot, Time, isBare, useRows, type Column } from '@/ui';
import { LinkButton, TextLink } from '@/ui/LinkTo';

type Gateway = Schemas['Gateway'];

const columns: Column<Gateway>[] = [
  {
    id: 'name',
    title: 'Name',
    cell: (g) => (
      <Group gap="xs">
        <TextLink alone to="/gateways/$gw/overview" params={{ gw: g.name }}>
          {g.name}
        </TextLink>
        {g.mode === 'test' ? (
          <Badge variant="light" color="amber" tt="none">
            Test
          </Badge>
        ) : null}
      </Group>
    ),
  },
  { id: 'url', title: 'Address', width: '38%', cell: (g) => <CopyText text={g.url} label={`address of ${g.name}`} /> },
  { id: 'live', title: 'Version', width: '15rem', cell: (g) => <Live gateway={g} /> },
  { id: 'updated', title: 'Changed', width: '9rem', cell: (g) => <Time at={g.updated_at} /> },
];

function Live({ gateway: { version, live } }: { gateway: Gateway }) {
  if (!live) return <Text span size="sm">Version {version}</Text>;
  const all = live.edges > 0 && live.edges_live === live.edges;
  return (
    <Text span size="sm">
      <StateDot state={all ? 'good' : live.edges === 0 ? 'idle' : 'busy'} /> Version {version}:{' '}
      {live.edges === 0 ? 'no edge is running' : `${live.edges_live} of ${live.edges} edge${live.edges === 1 ? '' : 's'}`}
    </Text>
  );
}

export default function GatewaysPage() {
  const may = useMay('gateways:write');
  const rows = useRows({
    key: ['get', '/v1/gateways', 'rows'],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways', { params: { query: { limit: 100, cursor } }, signal });
      return data ?? { items: [] };
    },
    refetchInterval: 15_000,
  });
  const make = may ? (
    <LinkButton to="/new-gateway" leftSection={<IconPlus size={16} aria-hidden />}>
      New gateway
    </LinkButton>
  ) : null;
  return (
    <>
      <PageHeader
        title="Gateways"
        description="A gateway is one API front: a host name with routes, upstreams and consumers."
        actions={isBare(rows) ? null : make}
      />
      <DataTable
        caption="Gateways of this organization"
        rows={rows}
        rowKey={(g) => g.id}
        columns={columns}
        empty={
          <EmptyState title="No gateway yet" action={make}>
            A gateway gets a host name of its own. Requests to it are matched to routes, checked by policies and sent to your backends. Most
            organizations have one for production and one for tests.
          </EmptyState>
        }
      />
    </>
  );
}
