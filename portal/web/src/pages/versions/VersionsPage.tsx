import { Badge, Button, Checkbox, Group, Text } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { useGateway, useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, PageHeader, Time, useRows, type Column } from '@/ui';
import { capital } from '@/ui/format';
import { TextLink } from '@/ui/LinkTo';
import { authorWords } from './author';

type Version = Schemas['Version'];

export default function VersionsPage() {
  const gateway = useGatewayName();
  const newest = useGateway()?.version;
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<number[]>([]);
  const rows = useRows({
    key: ['get', '/v1/gateways/{gateway}/versions', gateway, newest, 'rows'],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/versions', { params: { path: { gateway }, query: { limit: 100, cursor } }, signal });
      return data ?? { items: [] };
    },
  });
  const toggle = (version: number) =>
    // The oldest choice makes place: a comparison has two sides.
    setChosen((now) => (now.includes(version) ? now.filter((v) => v !== version) : [...now, version].slice(-2)));
  const columns: Column<Version>[] = [
    {
      id: 'choose',
      title: 'Compare',
      quiet: true,
      width: '3.5rem',
      cell: (v) => <Checkbox aria-label={`Compare version ${v.version}`} checked={chosen.includes(v.version)} onChange={() => toggle(v.version)} />,
    },
    {
      id: 'version',
      title: 'Version',
      width: '13rem',
      cell: (v) => (
        <Group gap="xs">
          <TextLink alone to="/gateways/$gw/versions/$version" params={{ gw: gateway, version: String(v.version) }}>
            Version {v.version}
          </TextLink>
          {v.version === newest ? (
            <Badge variant="light" tt="none" size="sm">
              Newest
            </Badge>
          ) : null}
        </Group>
      ),
    },
    {
      id: 'summary',
      title: 'Change',
      cell: (v) => (
        <>
          {capital(v.summary)}
          {v.restored_from ? (
            <Text span size="sm" c="dimmed">
              {' '}
              (restored from {v.restored_from})
            </Text>
          ) : null}
        </>
      ),
    },
    { id: 'author', title: 'By', width: '24%', cell: (v) => authorWords(v.author) },
    { id: 'time', title: 'When', width: '9rem', cell: (v) => <Time at={v.created_at} /> },
  ];
  const [a, b] = chosen.toSorted((x, y) => x - y);
  return (
    <>
      <PageHeader
        title="Versions"
        description="Every change of routes, upstreams, policies and settings is a version. Any of them can be compared and restored."
        docs="/docs/versions"
        actions={
          <Button
            variant="default"
            disabled={a === undefined || b === undefined}
            onClick={() => void navigate({ to: '/gateways/$gw/versions/$version', params: { gw: gateway, version: String(b) }, search: { against: String(a) } })}
          >
            {a !== undefined && b !== undefined ? `Compare ${a} with ${b}` : 'Choose two to compare'}
          </Button>
        }
      />
      <DataTable
        caption={`Versions of ${gateway}`}
        rows={rows}
        rowKey={(v) => String(v.version)}
        columns={columns}
        empty={<EmptyState title="No version yet">The first change of a route, an upstream or a policy makes one.</EmptyState>}
      />
    </>
  );
}
