import { Button, Code, Group, Modal, Select, Stack, Text } from '@mantine/core';
import { IconHistory } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { $api, api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { CopyText, DataTable, EmptyState, PageHeader, Time, TimeRange, rangeOf, useRows, useSearchParams, type Column } from '@/ui';
import { Facts } from '@/ui/Facts';
import { exactTime } from '@/ui/format';
import { actions, actionText } from './auditWords';
import { useMemberNames } from './useMemberNames';

type Entry = Schemas['AuditEntry'];

const kinds: Record<Entry['actor']['kind'], string> = { user: 'Member', token: 'Management token', system: 'Tollgate itself', developer: 'Developer, in the developer portal', operator: 'Operator of this Tollgate' };

function columnsOf(gateways: Map<string, string>, onOpen: (entry: Entry) => void): Column<Entry>[] {
  return [
    {
      id: 'what',
      title: 'What',
      cell: (e) => (
        <Stack gap={0}>
          <span>{actionText(e.action)}</span>
          <Text size="sm" c="dimmed" fw={400}>
            {e.resource.name || e.resource.id}
            {e.gateway && e.resource.type !== 'gateway' ? ` · ${gateways.get(e.gateway) ?? 'a deleted gateway'}` : ''}
          </Text>
        </Stack>
      ),
    },
    {
      id: 'who',
      title: 'Who',
      width: '17rem',
      cell: (e) => (
        <Stack gap={0}>
          <span>{e.actor.name || e.actor.id || kinds[e.actor.kind]}</span>
          {e.actor.kind === 'user' ? null : (
            <Text size="xs" c="dimmed">
              {kinds[e.actor.kind]}
            </Text>
          )}
        </Stack>
      ),
    },
    { id: 'where', title: 'From', width: '10rem', cell: (e) => <span className="tg-mono">{e.actor.client || '–'}</span> },
    { id: 'when', title: 'When', width: '9rem', cell: (e) => <Time at={e.created_at} /> },
    {
      id: 'more',
      title: 'Details',
      quiet: true,
      width: '6.5rem',
      cell: (e) => (
        <Button variant="default" size="compact-sm" onClick={() => onOpen(e)} aria-label={`Details: ${actionText(e.action)}, ${e.resource.name || e.resource.id}`}>
          Details
        </Button>
      ),
    },
  ];
}

function useGatewayNames(): Map<string, string> {
  const may = useMay('gateways:read');
  const { data } = $api.useQuery('get', '/v1/gateways', { params: { query: { limit: 200 } } }, { enabled: may, staleTime: 60_000 });
  return useMemo(() => new Map(data?.items.map((g) => [g.id, g.name])), [data]);
}

const choices = (names: Map<string, string>) => [...names].map(([value, label]) => ({ value, label }));

export default function AuditPage() {
  const [search, setSearch] = useSearchParams();
  const [open, setOpen] = useState<Entry>();
  const members = useMemberNames();
  const gateways = useGatewayNames();
  const span = rangeOf({ range: search.range, from: search.from, to: search.to }, '30d');
  const query = { q: search.q, action: search.action, actor: search.actor, gateway: search.gateway, resource: search.resource, from: span.from, to: span.to };
  const rows = useRows<Entry>({
    key: ['get', '/v1/audit', query],
    read: async (cursor, signal) => (await api.GET('/v1/audit', { params: { query: { ...query, limit: 100, cursor, count: cursor === undefined } }, signal })).data ?? { items: [] },
    filtered: Boolean(search.action ?? search.actor ?? search.gateway ?? search.resource ?? search.from ?? search.range),
  });
  const select = (name: 'action' | 'actor' | 'gateway', label: string, data: { value: string; label: string }[], width: string) => (
    <Select
      aria-label={label}
      placeholder={`Any ${label.toLowerCase()}`}
      clearable
      searchable
      w={width}
      data={data}
      value={search[name] ?? null}
      onChange={(value) => setSearch({ [name]: value ?? undefined })}
    />
  );
  return (
    <>
      <PageHeader title="Audit log" description="Who changed what, when, and from where. Nobody can change or delete a line." />
      <DataTable
        caption="Audit log, the newest first"
        rows={rows}
        columns={columnsOf(gateways, setOpen)}
        rowKey={(e) => e.id}
        search={search.q}
        onSearch={(q) => setSearch({ q })}
        searchLabel="Search by name, who or address"
        filters={
          <>
            {select('action', 'Action', actions, '12rem')}
            {select('actor', 'Member', choices(members), '12rem')}
            {select('gateway', 'Gateway', choices(gateways), '11rem')}
            <TimeRange value={search} fallback="30d" onChange={(range) => setSearch({ ...range })} />
          </>
        }
        empty={
          <EmptyState title="Nothing was changed in the last 30 days" icon={<IconHistory size={32} />}>
            Every change of a gateway, a key, a member or a setting stands here, with who made it and from where, as soon as it is made.
          </EmptyState>
        }
      />
      <Details entry={open} gateways={gateways} onClose={() => setOpen(undefined)} />
    </>
  );
}

function Details({ entry, gateways, onClose }: { entry: Entry | undefined; gateways: Map<string, string>; onClose: () => void }) {
  const [last, setLast] = useState(entry);
  if (entry && entry !== last) setLast(entry);
  if (!last) return null;
  return (
    <Modal opened={entry !== undefined} onClose={onClose} title={actionText(last.action)} size="lg">
      <Stack>
        <Facts
          facts={[
            ['When', exactTime(last.created_at)],
            ['Who', last.actor.name || last.actor.id],
            ['As', kinds[last.actor.kind]],
            ['From', last.actor.client ? <span className="tg-mono">{last.actor.client}</span> : undefined],
            ['What', last.resource.name],
            ['Its id', <CopyText key="i" text={last.resource.id} label="id" />],
            ['Gateway', last.gateway ? (gateways.get(last.gateway) ?? last.gateway) : undefined],
            ['Action', <span key="a" className="tg-mono">{last.action}</span>],
            ['Request', last.request_id ? <CopyText key="r" text={last.request_id} label="request id" /> : undefined],
          ]}
        />
        {last.detail && Object.keys(last.detail).length > 0 ? (
          <Code block tabIndex={0} aria-label="What was changed">
            {JSON.stringify(last.detail, null, 2)}
          </Code>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
