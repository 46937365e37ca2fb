import { IconArrowsLeftRight } from '@tabler/icons-react';
import { $api, api, type Schemas } from '@/api/client';
import { PartList } from '@/pages/parts/PartList';
import { useGatewayName } from '@/shell/useGateway';
import { Time, type Column } from '@/ui';
import { TextLink } from '@/ui/LinkTo';
import { ManagedBadge } from '@/ui/ManagedBadge';
import { endpoint, protocols } from './words';

type Stream = Schemas['Stream'];

function columnsOf(gateway: string, hostname: string | undefined): Column<Stream>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      sort: 'name',
      width: '22%',
      cell: (s) => (
        <>
          <TextLink alone to="/gateways/$gw/streams/$name" params={{ gw: gateway, name: s.name }}>
            {s.name}
          </TextLink>
          {' '}
          <ManagedBadge by={s.managed_by} />
        </>
      ),
    },
    { id: 'protocol', title: 'Protocol', width: '11rem', cell: (s) => protocols[s.protocol].label },
    { id: 'endpoint', title: 'Clients connect to', cell: (s) => <span className="tg-mono">{endpoint(s, hostname)}</span> },
    {
      id: 'upstream',
      title: 'Upstream',
      width: '11rem',
      cell: (s) => (
        <TextLink to="/gateways/$gw/upstreams/$name" params={{ gw: gateway, name: s.upstream }}>
          {s.upstream}
        </TextLink>
      ),
    },
    { id: 'updated', title: 'Changed', sort: 'updated_at', width: '9rem', cell: (s) => <Time at={s.updated_at} /> },
  ];
}

export default function StreamsPage() {
  const gateway = useGatewayName();
  const hostname = $api.useQuery('get', '/v1/gateways/{gateway}', { params: { path: { gateway } } }).data?.hostname;
  return (
    <PartList
      gateway={gateway}
      title="Streams"
      what="stream"
      description="A stream carries what is not HTTP: TCP, UDP, or TLS that is passed through by its server name."
      docs="/docs/streams"
      make="/gateways/$gw/new-stream"
      path="/v1/gateways/{gateway}/streams"
      read={(query, signal) => api.GET('/v1/gateways/{gateway}/streams', { params: { path: { gateway }, query }, signal })}
      columns={columnsOf(gateway, hostname)}
      searchLabel="Search by name, port or server name"
      icon={<IconArrowsLeftRight size={32} />}
    >
      Databases, brokers, game servers: a stream gives them a port at your gateway, or a server name on the shared TLS port, and spreads connections over an
      upstream whose targets begin with <span className="tg-mono">tcp://</span> or <span className="tg-mono">udp://</span>.
    </PartList>
  );
}
