import { Button, Code, Group, Modal, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { DataTable, DeliveryState, done, EmptyState, Time, useRows, type Column, useAction } from '@/ui';
import { Facts } from '@/ui/Facts';
import { deliveryOf, errorWords, tookWords, type Delivery, type Webhook } from './words';

const path = '/v1/gateways/{gateway}/webhooks/{name}/deliveries';

export interface DeliveriesProps {
  gateway: string;
  webhook: Webhook;
  /** Whether one may be sent again. */
  may: boolean;
}

/** What was sent, newest first, with what came back. */
export function Deliveries({ gateway, webhook, may }: DeliveriesProps) {
  const [shown, setShown] = useState<Delivery>();
  const rows = useRows<Delivery>({
    key: ['get', path, gateway, webhook.name],
    read: async (cursor, signal) => {
      const { data } = await api.GET(path, { params: { path: { gateway, name: webhook.name }, query: { cursor } }, signal });
      return data ?? { items: [] };
    },
    refetchInterval: 3_000,
  });
  const columns: Column<Delivery>[] = [
    {
      id: 'type', title: 'Event', width: '15rem',
      cell: (d) => (
        <Button variant="transparent" size="compact-sm" px={0} className="tg-mono" onClick={() => setShown(d)} aria-label={`Show ${d.type}`}>
          {d.type}
        </Button>
      ),
    },
    { id: 'at', title: 'When', width: '11rem', cell: (d) => <Time at={d.created_at} /> },
    { id: 'state', title: 'State', cell: (d) => <State delivery={d} /> },
    { id: 'took', title: 'Took', width: '7rem', numeric: true, cell: (d) => (d.took_ms === undefined ? '–' : tookWords(d.took_ms)) },
  ];
  // The newest state of what is open, as the list reads it.
  const open = shown && (rows.items.find((d) => d.id === shown.id) ?? shown);
  return (
    <section aria-label="Deliveries">
      <Title order={2} mb="sm">
        Deliveries
      </Title>
      <DataTable
        caption={`Deliveries of ${webhook.name}`}
        rows={rows}
        rowKey={(d) => d.id}
        columns={columns}
        awaited={3}
        empty={<EmptyState title="Nothing was sent yet">Every message of the last 30 days stands here with what the receiver answered. Send a test to see one.</EmptyState>}
      />
      <Modal opened={open !== undefined} onClose={() => setShown(undefined)} title={open ? <span className="tg-mono">{open.type}</span> : null} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {open ? <Details gateway={gateway} webhook={webhook} delivery={open} may={may} /> : null}
      </Modal>
    </section>
  );
}

function State({ delivery: d }: { delivery: Delivery }) {
  const error = d.error ? errorWords(d.error, d.status_code) : undefined;
  return <DeliveryState {...deliveryOf(d)} attempts={d.attempts} status={d.status_code} error={error} nextAt={d.next_at} />;
}

function Details({ gateway, webhook, delivery: d, may }: DeliveriesProps & { delivery: Delivery }) {
  const [busy, retry] = useAction(async () => {
    await api.POST('/v1/gateways/{gateway}/webhooks/{name}/deliveries/{event}/retry', { params: { path: { gateway, name: webhook.name, event: d.id } } });
    await refresh('/v1/gateways/{gateway}/webhooks');
    done('The message is on its way again, under the same id.');
  });
  return (
    <Stack gap="md">
      <State delivery={d} />
      <Facts
        facts={[
          ['Id', <span key="id" className="tg-mono" style={{ overflowWrap: 'anywhere' }}>{d.id}</span>],
          ['Happened', <Time key="at" at={d.created_at} />],
          ['Last tried', d.last_at ? <Time at={d.last_at} /> : undefined],
          ['Tried again', d.next_at ? <Time at={d.next_at} /> : undefined],
        ]}
      />
      <Shown title="Message" text={JSON.stringify(d.payload, null, 2)} />
      {d.answer ? <Shown title={`Answer${d.status_code ? ` (${d.status_code})` : ''}`} text={d.answer} /> : null}
      {may ? (
        <Group>
          <Button onClick={() => retry()} loading={busy} disabled={!webhook.enabled}>
            Send it again
          </Button>
          {webhook.enabled ? null : (
            <Text size="sm" c="dimmed">
              Switch the webhook on first.
            </Text>
          )}
        </Group>
      ) : null}
    </Stack>
  );
}

function Shown({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <Text size="sm" fw={600} mb={4}>
        {title}
      </Text>
      <Code block className="tg-mono" tabIndex={0} role="region" aria-label={title} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', maxHeight: '20rem', overflowY: 'auto' }}>
        {text}
      </Code>
    </div>
  );
}
