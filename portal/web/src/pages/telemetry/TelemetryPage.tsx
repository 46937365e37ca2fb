import { Group, Stack, Text } from '@mantine/core';
import { IconBroadcast } from '@tabler/icons-react';
import { api } from '@/api/client';
import { useMay } from '@/api/session';
import { DataTable, EmptyState, isBare, PageHeader, StateDot, Time, useRows, type Column } from '@/ui';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { errorWords, signalsWords, statusOf, typeNames, waitingWords, type Destination } from './words';

const columns: Column<Destination>[] = [
  {
    id: 'name',
    title: 'Name',
    cell: (d) => (
      <Stack gap={0}>
        <TextLink alone to="/organization/telemetry/$name" params={{ name: d.name }}>
          {d.name}
        </TextLink>
        <Text size="xs" c="dimmed" fw={400} className="tg-mono" style={{ overflowWrap: 'anywhere' }}>
          {d.url}
        </Text>
      </Stack>
    ),
  },
  {
    id: 'sent',
    title: 'Sends',
    width: '11rem',
    cell: (d) => (
      <>
        {signalsWords(d.signals)}
        <Text size="xs" c="dimmed">
          {typeNames[d.type]}
        </Text>
      </>
    ),
  },
  { id: 'state', title: 'State', width: '17rem', cell: (d) => <State destination={d} /> },
  { id: 'waiting', title: 'Waiting', width: '7rem', numeric: true, cell: (d) => waitingWords(d.state.waiting) },
  { id: 'taken', title: 'Taken', width: '8rem', numeric: true, cell: (d) => d.state.sent.toLocaleString('en') },
  { id: 'dropped', title: 'Dropped', width: '7rem', numeric: true, cell: (d) => d.state.dropped.toLocaleString('en') },
];

function State({ destination: { state } }: { destination: Destination }) {
  const { label, dot } = statusOf(state.status);
  return (
    <div>
      <Group gap={7} wrap="nowrap">
        <StateDot state={dot} />
        <span>{label}</span>
      </Group>
      <Text size="xs" c="dimmed">
        {state.status === 'failing' ? `${errorWords(state.error, state.status_code)} ` : ''}
        {state.last_success ? (
          <>
            Last taken <Time at={state.last_success} />
          </>
        ) : null}
      </Text>
    </div>
  );
}

export default function TelemetryPage() {
  const may = useMay('organization:write');
  const rows = useRows<Destination>({
    key: ['get', '/v1/telemetry/destinations', 'rows'],
    read: async (cursor, signal) => (await api.GET('/v1/telemetry/destinations', { params: { query: { limit: 100, cursor } }, signal })).data ?? { items: [] },
    refetchInterval: 5_000,
  });
  const create = may ? <LinkButton to="/organization/new-telemetry-destination">New destination</LinkButton> : null;
  return (
    <>
      <PageHeader
        title="Telemetry"
        description="Where the logs, traces and metrics of your gateways are sent."
        docs="/docs/observability#sent-to-you"
        actions={isBare(rows) ? null : create}
      />
      <DataTable
        caption="Telemetry destinations"
        rows={rows}
        rowKey={(d) => d.id}
        columns={columns}
        awaited={2}
        empty={
          <EmptyState icon={<IconBroadcast size={32} />} title="Nothing is sent anywhere yet" action={create}>
            A destination is an OpenTelemetry collector, or any address that takes JSON. Access logs, traces and metrics arrive there within ten seconds, and wait while
            it is away; requests never wait for it. What you see in this portal stays as it is.
          </EmptyState>
        }
      />
    </>
  );
}
