import { Text } from '@mantine/core';
import { IconServer2 } from '@tabler/icons-react';
import { $api, api, type Schemas } from '@/api/client';
import { PartList } from '@/pages/parts/PartList';
import { useGatewayName } from '@/shell/useGateway';
import { StateDot, Time, type Column } from '@/ui';
import { TextLink } from '@/ui/LinkTo';
import { ManagedBadge } from '@/ui/ManagedBadge';
import { byUpstream, targetsOf, type TargetHealth } from './health';
import { algorithms } from './words';

type Upstream = Schemas['Upstream'];

function columnsOf(gateway: string, health: Map<string, TargetHealth[]> | undefined): Column<Upstream>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      sort: 'name',
      width: '22%',
      cell: (u) => (
        <>
          <TextLink alone to="/gateways/$gw/upstreams/$name" params={{ gw: gateway, name: u.name }}>
            {u.name}
          </TextLink>
          {' '}
          <ManagedBadge by={u.managed_by} />
        </>
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
  const report = $api.useQuery('get', '/v1/gateways/{gateway}/health', { params: { path: { gateway } } }, { refetchInterval: 5_000 }).data;
  const health = report && byUpstream(targetsOf(report));
  return (
    <PartList
      gateway={gateway}
      title="Upstreams"
      what="upstream"
      description="An upstream is where routes send requests: one or more targets, which the edges watch and balance."
      docs="/docs/upstreams"
      make="/gateways/$gw/new-upstream"
      path="/v1/gateways/{gateway}/upstreams"
      read={(query, signal) => api.GET('/v1/gateways/{gateway}/upstreams', { params: { path: { gateway }, query }, signal })}
      columns={columnsOf(gateway, health)}
      searchLabel="Search by name or target"
      icon={<IconServer2 size={32} />}
    >
      An upstream names your backend’s address, such as <span className="tg-mono">https://orders.example.com</span>. With more than one target, requests are
      shared out and unhealthy ones are left out. You have no backend at hand? Begin with the hosted echo backend.
    </PartList>
  );
}
