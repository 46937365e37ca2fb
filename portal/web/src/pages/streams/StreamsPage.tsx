import { IconPlus, IconArrowsLeftRight } from '@tabler/icons-react';
import { $api, api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, PageHeader, Time, isBare, useRows, useSearchParams, type Column } from '@/ui';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { endpoint, protocols } from './words';

type Stream = Schemas['Stream'];
type Sort = 'name' | '-name' | 'updated_at' | '-updated_at';

function columnsOf(gateway: string, hostname: string | undefined): Column<Stream>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      sort: 'name',
      width: '22%',
      cell: (s) => (
        <TextLink alone to="/gateways/$gw/streams/$name" params={{ gw: gateway, name: s.name }}>
          {s.name}
        </TextLink>
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
  const may = useMay('gateways:write');
  const [search, setSearch] = useSearchParams();
  const sort = (search.sort ?? 'name') as Sort;
  const { q } = search;
  const rows = useRows({
    key: ['get', '/v1/gateways/{gateway}/streams', gateway, q, sort, 'rows'],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/streams', {
        params: { path: { gateway }, query: { limit: 100, cursor, q: q || undefined, sort, count: cursor ? undefined : true } },
        signal,
      });
      return data ?? { items: [] };
    },
  });
  const hostname = $api.useQuery('get', '/v1/gateways/{gateway}', { params: { path: { gateway } } }).data?.hostname;
  const make = may ? (
    <LinkButton to="/gateways/$gw/new-stream" params={{ gw: gateway }} leftSection={<IconPlus size={16} aria-hidden />}>
      New stream
    </LinkButton>
  ) : null;
  return (
    <>
      <PageHeader title="Streams" description="A stream carries what is not HTTP: TCP, UDP, or TLS that is passed through by its server name." docs="/docs/streams" actions={isBare(rows, q) ? null : make} />
      <DataTable
        caption={`Streams of ${gateway}`}
        rows={rows}
        rowKey={(s) => s.id}
        columns={columnsOf(gateway, hostname)}
        search={q}
        onSearch={(text) => setSearch({ q: text })}
        searchLabel="Search by name, port or server name"
        sort={sort}
        onSort={(word) => setSearch({ sort: word })}
        empty={
          <EmptyState icon={<IconArrowsLeftRight size={32} />} title="No stream yet" action={make}>
            Databases, brokers, game servers: a stream gives them a port at your gateway, or a server name on the shared TLS port, and spreads connections over an
            upstream whose targets begin with <span className="tg-mono">tcp://</span> or <span className="tg-mono">udp://</span>.
          </EmptyState>
        }
      />
    </>
  );
}
