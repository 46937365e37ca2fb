import { Text } from '@mantine/core';
import { IconPlus, IconServer2 } from '@tabler/icons-react';
import { $api, api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, PageHeader, StateDot, Time, isBare, useRows, useSearchParams, type Column } from '@/ui';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { byUpstream, targetsOf, type TargetHealth } from './health';
import { algorithms } from './words';

type Upstream = Schemas['Upstream'];
type Sort = 'name' | '-name' | 'updated_at' | '-updated_at';

function columnsOf(gateway: string, health: Map<string, TargetHealth[]> | undefined): Column<Upstream>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      sort: 'name',
      width: '22%',
      cell: (u) => (
        <TextLink alone to="/gateways/$gw/upstreams/$name" params={{ gw: gateway, name: u.name }}>
          {u.name}
        </TextLink>
      ),
    },
    {
      id: 'targets',
      title: 'Targets',
      cell: (u) => (
        <span className="tg-mono">
          {u.targets.slice(0, 2).map((t) => t.url).join(', ')}
          {u.targets.length > 2 ? ` and ${u.targets.length - 2} more` : ''}
        </span>
      ),
    },
    { id: 'health', title: 'Health', width: '13rem', cell: (u) => <Health targets={health?.get(u.name)} known={health !== undefined} /> },
    { id: 'algorithm', title: 'Balancing', width: '10rem', cell: (u) => algorithms[u.algorithm ?? 'round_robin'].label },
    { id: 'updated', title: 'Changed', sort: 'updated_at', width: '9rem', cell: (u) => <Time at={u.updated_at} /> },
  ];
}

function Health({ targets, known }: { targets: TargetHealth[] | undefined; known: boolean }) {
  if (!known) return null;
  if (!targets) {
    return (
      <Text span size="sm" c="dimmed">
        Not watched yet
      </Text>
    );
  }
  const good = targets.filter((t) => t.healthy === t.edges).length;
  return (
    <Text span size="sm">
      <StateDot state={good === targets.length ? 'good' : good === 0 ? 'bad' : 'warn'} />{' '}
      {good === targets.length ? 'All healthy' : `${good} of ${targets.length} healthy`}
    </Text>
  );
}

export default function UpstreamsPage() {
  const gateway = useGatewayName();
  const may = useMay('gateways:write');
  const [search, setSearch] = useSearchParams();
  const sort = (search.sort ?? 'name') as Sort;
  const { q } = search;
  const rows = useRows({
    key: ['get', '/v1/gateways/{gateway}/upstreams', gateway, q, sort, 'rows'],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/upstreams', {
        params: { path: { gateway }, query: { limit: 100, cursor, q: q || undefined, sort, count: cursor ? undefined : true } },
        signal,
      });
      return data ?? { items: [] };
    },
  });
  const report = $api.useQuery('get', '/v1/gateways/{gateway}/health', { params: { path: { gateway } } }, { refetchInterval: 5_000 }).data;
  const health = report && byUpstream(targetsOf(report));
  const make = may ? (
    <LinkButton to="/gateways/$gw/new-upstream" params={{ gw: gateway }} leftSection={<IconPlus size={16} aria-hidden />}>
      New upstream
    </LinkButton>
  ) : null;
  return (
    <>
      <PageHeader title="Upstreams" description="An upstream is where routes send requests: one or more targets, which the edges watch and balance." docs="/docs/upstreams" actions={isBare(rows, q) ? null : make} />
      <DataTable
        caption={`Upstreams of ${gateway}`}
        rows={rows}
        rowKey={(u) => u.id}
        columns={columnsOf(gateway, health)}
        search={q}
        onSearch={(text) => setSearch({ q: text })}
        searchLabel="Search by name or target"
        sort={sort}
        onSort={(word) => setSearch({ sort: word })}
        empty={
          <EmptyState icon={<IconServer2 size={32} />} title="No upstream yet" action={make}>
            An upstream names your backend’s address, such as <span className="tg-mono">https://orders.example.com</span>. With more than one target, requests are
            shared out and unhealthy ones are left out. You have no backend at hand? Begin with the hosted echo backend.
          </EmptyState>
        }
      />
    </>
  );
}
