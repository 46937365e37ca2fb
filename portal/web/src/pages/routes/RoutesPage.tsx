import { Badge, Group, Select, Text } from '@mantine/core';
import { IconPlus, IconRoute } from '@tabler/icons-react';
import { api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { usePolicyTypes } from '@/pages/policies/usePolicyTypes';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, PageHeader, Time, isBare, useRows, useSearchParams, type Column } from '@/ui';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { methods } from './match';

type Route = Schemas['Route'];
type Sort = 'name' | '-name' | 'updated_at' | '-updated_at';

function columnsOf(gateway: string): Column<Route>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      sort: 'name',
      width: '22%',
      cell: (r) => (
        <TextLink alone to="/gateways/$gw/routes/$name" params={{ gw: gateway, name: r.name }}>
          {r.name}
        </TextLink>
      ),
    },
    {
      id: 'match',
      title: 'Matches',
      cell: (r) => (
        <Group gap={6}>
          <Text span size="xs" c="dimmed">
            {r.match.methods?.length ? r.match.methods.join(', ') : 'Any method'}
          </Text>
          <span className="tg-mono">{r.match.path}</span>
          {r.match.hosts?.length ? (
            <Text span size="xs" c="dimmed">
              on {r.match.hosts.join(', ')}
            </Text>
          ) : null}
        </Group>
      ),
    },
    {
      id: 'policies',
      title: 'Policies',
      width: '17%',
      cell: (r) =>
        r.policies?.length ? (
          <Text span size="sm">
            {[...new Set(r.policies.map((p) => p.type))].join(', ')}
          </Text>
        ) : (
          <Text span size="sm" c="dimmed">
            {r.public ? 'Public' : 'The gateway’s'}
          </Text>
        ),
    },
    {
      id: 'upstream',
      title: 'Upstream',
      width: '15%',
      cell: (r) =>
        r.upstream ? (
          <TextLink alone to="/gateways/$gw/upstreams/$name" params={{ gw: gateway, name: r.upstream }}>
            {r.upstream}
          </TextLink>
        ) : (
          <Badge variant="light" color="gray" tt="none">
            Answered at the edge
          </Badge>
        ),
    },
    { id: 'updated', title: 'Changed', sort: 'updated_at', width: '9rem', cell: (r) => <Time at={r.updated_at} /> },
  ];
}

export default function RoutesPage() {
  const gateway = useGatewayName();
  const may = useMay('gateways:write');
  const [search, setSearch] = useSearchParams();
  const { catalogue } = usePolicyTypes();
  const sort = (search.sort ?? 'name') as Sort;
  const { q, method, policy, upstream } = search;
  const rows = useRows({
    key: ['get', '/v1/gateways/{gateway}/routes', gateway, q, sort, method, policy, upstream, 'rows'],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/routes', {
        params: { path: { gateway }, query: { limit: 100, cursor, q: q || undefined, sort, count: cursor ? undefined : true, method, policy, upstream } },
        signal,
      });
      return data ?? { items: [] };
    },
    filtered: Boolean(method || policy || upstream),
  });
  const make = may ? (
    <LinkButton to="/gateways/$gw/new-route" params={{ gw: gateway }} leftSection={<IconPlus size={16} aria-hidden />}>
      New route
    </LinkButton>
  ) : null;
  return (
    <>
      <PageHeader title="Routes" description="A route decides by method, host and path what happens to a request." docs="/docs/routes" actions={isBare(rows, q) ? null : make} />
      <DataTable
        caption={`Routes of ${gateway}`}
        rows={rows}
        rowKey={(r) => r.id}
        columns={columnsOf(gateway)}
        search={q}
        onSearch={(text) => setSearch({ q: text })}
        searchLabel="Search by name, path or upstream"
        sort={sort}
        onSort={(word) => setSearch({ sort: word })}
        filters={
          <>
            <Select aria-label="Method" placeholder="Any method" clearable data={methods} value={method ?? null} onChange={(v) => setSearch({ method: v ?? undefined })} w={150} />
            <Select
              aria-label="Policy"
              placeholder="Any policy"
              clearable
              data={(catalogue?.types ?? []).map((t) => ({ value: t.type, label: t.title }))}
              value={policy ?? null}
              onChange={(v) => setSearch({ policy: v ?? undefined })}
              w={170}
            />
          </>
        }
        empty={
          <EmptyState icon={<IconRoute size={32} />} title="No route yet" action={make}>
            Requests that no route matches are answered 404. A route takes those of a path, such as <span className="tg-mono">/orders/*</span>, applies its
            policies and sends them to an upstream.
          </EmptyState>
        }
      />
    </>
  );
}
