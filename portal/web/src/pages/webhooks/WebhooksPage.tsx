import { Group, Stack, Text } from '@mantine/core';
import { IconWebhook } from '@tabler/icons-react';
import { api } from '@/api/client';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, isBare, PageHeader, StateDot, Time, useRows, type Column } from '@/ui';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { Snippet } from './Snippet';
import { errorWords, eventsWords, statusOf, type Webhook } from './words';

export default function WebhooksPage() {
  const gateway = useGatewayName();
  const may = useMay('gateways:write');
  const rows = useRows<Webhook>({
    key: ['get', '/v1/gateways/{gateway}/webhooks', gateway],
    read: async (cursor, signal) => (await api.GET('/v1/gateways/{gateway}/webhooks', { params: { path: { gateway }, query: { cursor } }, signal })).data ?? { items: [] },
    refetchInterval: 5_000,
  });
  const create = may ? (
    <LinkButton to="/gateways/$gw/new-webhook" params={{ gw: gateway }}>
      New webhook
    </LinkButton>
  ) : null;
  const columns: Column<Webhook>[] = [
    {
      id: 'name', title: 'Name',
      cell: (w) => (
        <Stack gap={0}>
          <TextLink alone to="/gateways/$gw/webhooks/$name" params={{ gw: gateway, name: w.name }}>
            {w.name}
          </TextLink>
          <Text size="xs" c="dimmed" fw={400} className="tg-mono" style={{ overflowWrap: 'anywhere' }}>
            {w.url}
          </Text>
        </Stack>
      ),
    },
    { id: 'state', title: 'State', width: '18rem', cell: (w) => <State webhook={w} /> },
    { id: 'events', title: 'Told', width: '15rem', cell: (w) => <span style={{ overflowWrap: 'anywhere' }}>{eventsWords(w.events)}</span> },
    { id: 'waiting', title: 'Waiting', width: '7rem', numeric: true, cell: (w) => w.state.waiting.toLocaleString('en') },
    { id: 'taken', title: 'Taken', width: '7rem', numeric: true, cell: (w) => w.state.delivered.toLocaleString('en') },
  ];
  const bare = isBare(rows);
  return (
    <>
      <PageHeader
        title="Webhooks"
        description="Tells receivers of yours what happens to this gateway: changes, keys, certificates, domains, releases and alerts."
        docs="/docs/webhooks"
        actions={bare ? null : create}
      />
      <DataTable
        caption={`Webhooks of ${gateway}`}
        rows={rows}
        rowKey={(w) => w.id}
        columns={columns}
        awaited={2}
        empty={
          <EmptyState icon={<IconWebhook size={32} />} title="Nobody is told yet" action={create}>
            A webhook gets a signed message by POST within seconds of what happens: a key was revoked, a new version is there, a certificate could not be renewed. What it does not
            take is sent again for three days.
          </EmptyState>
        }
      />
      {bare ? (
        <Stack component="section" gap="xs" mt="xl" maw="44rem" aria-label="Verify a message">
          <Text fw={600}>How a receiver verifies a message</Text>
          <Snippet />
        </Stack>
      ) : null}
    </>
  );
}

function State({ webhook: { state } }: { webhook: Webhook }) {
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
