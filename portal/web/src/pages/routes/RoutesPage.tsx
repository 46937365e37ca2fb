import { Badge, Group, Select, Text } from '@mantine/core';
import { IconRoute } from '@tabler/icons-react';
import { api, type Schemas } from '@/api/client';
import { usePolicyTypes, type Catalogue } from '@/pages/policies/usePolicyTypes';
import { PartList } from '@/pages/parts/PartList';
import { useGatewayName } from '@/shell/useGateway';
import { Time, useSearchParams, type Column } from '@/ui';
import { TextLink } from '@/ui/LinkTo';
import { ManagedBadge } from '@/ui/ManagedBadge';
import { methods } from './match';

type Route = Schemas['Route'];

function columnsOf(gateway: string, catalogue: Catalogue | undefined): Column<Route>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      sort: 'name',
      width: '22%',
      cell: (r) => (
        <>
          <TextLink alone to="/gateways/$gw/routes/$name" params={{ gw: gateway, name: r.name }}>
            {r.name}
          </TextLink>
          {' '}
          <ManagedBadge by={r.managed_by} />
        </>
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
            {r.integration ? (catalogue?.find(r.integration.type)?.title ?? r.integration.type) : 'Answered at the edge'}
          </Badge>
        ),
    },
    { id: 'updated', title: 'Changed', sort: 'updated_at', width: '9rem', cell: (r) => <Time at={r.updated_at} /> },
  ];
}

export default function RoutesPage() {
  const gateway = useGatewayName();
  const [search, setSearch] = useSearchParams();
  const { catalogue } = usePolicyTypes();
  const { method, policy, upstream } = search;
  return (
    <PartList
      gateway={gateway}
      title="Routes"
      what="route"
      description="A route decides by method, host and path what happens to a request."
      docs="/docs/routes"
      make="/gateways/$gw/new-route"
      path="/v1/gateways/{gateway}/routes"
      read={(query, signal) => api.GET('/v1/gateways/{gateway}/routes', { params: { path: { gateway }, query: { ...query, method, policy, upstream } }, signal })}
      columns={columnsOf(gateway, catalogue)}
      searchLabel="Search by name, path or upstream"
      icon={<IconRoute size={32} />}
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
      filteredBy={[method, policy, upstream]}
    >
      Requests that no route matches are answered 404. A route takes those of a path, such as <span className="tg-mono">/orders/*</span>, applies its
      policies and sends them to an upstream.
    </PartList>
  );
}
