import { Title } from '@mantine/core';
import { api, type Schemas } from '@/api/client';
import { sentence } from '@/api/problem';
import { DataTable, DeliveryState, EmptyState, Time, useRows, type Column, type DotState } from '@/ui';
import { valueWords, type Alert } from './words';

type Event = Schemas['AlertEvent'];
type Delivery = Schemas['AlertDelivery'];

export interface RecordsProps {
  gateway: string;
  alert: Alert;
}

/** When the alert fired and ended, newest first. */
export function History({ gateway, alert }: RecordsProps) {
  const rows = useRows<Event>({
    key: ['get', '/v1/gateways/{gateway}/alerts/{name}/history', gateway, alert.name],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/alerts/{name}/history', { params: { path: { gateway, name: alert.name }, query: { cursor } }, signal });
      return data ?? { items: [] };
    },
    refetchInterval: 10_000,
  });
  const columns: Column<Event>[] = [
    { id: 'at', title: 'When', width: '11rem', cell: (e) => <Time at={e.at} /> },
    { id: 'what', title: 'What', width: '9rem', cell: (e) => ({ firing: 'Fired', resolved: 'Ended', test: 'Tested' })[e.transition] },
    { id: 'value', title: 'Figure', width: '9rem', numeric: true, cell: (e) => (e.transition === 'test' ? '–' : valueWords(alert.kind, e.value)) },
    { id: 'threshold', title: 'Threshold', width: '9rem', numeric: true, cell: (e) => valueWords(alert.kind, e.threshold) },
    { id: 'detail', title: 'Detail', cell: (e) => e.detail },
  ];
  return (
    <section aria-label="History">
      <Title order={2} mb="sm">
        History
      </Title>
      <DataTable caption={`History of ${alert.name}`} rows={rows} rowKey={(e) => e.id} columns={columns} empty={<EmptyState title="It never fired">Each time that it fires or ends stands here, with the figure that did it.</EmptyState>} />
    </section>
  );
}

const states: Record<Delivery['state'], { label: string; dot: DotState }> = {
  waiting: { label: 'On the way', dot: 'busy' },
  sent: { label: 'Sent', dot: 'good' },
  failed: { label: 'Given up', dot: 'bad' },
};

/** Who was told, and whether it arrived. */
export function Deliveries({ gateway, alert }: RecordsProps) {
  const rows = useRows<Delivery>({
    key: ['get', '/v1/gateways/{gateway}/alerts/{name}/deliveries', gateway, alert.name],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/alerts/{name}/deliveries', { params: { path: { gateway, name: alert.name }, query: { cursor } }, signal });
      return data ?? { items: [] };
    },
    refetchInterval: 3_000,
  });
  const columns: Column<Delivery>[] = [
    { id: 'at', title: 'When', width: '11rem', cell: (d) => <Time at={d.created_at} /> },
    { id: 'to', title: 'To', cell: (d) => <span className="tg-mono">{d.target}</span> },
    { id: 'by', title: 'By', width: '7rem', cell: (d) => (d.channel === 'mail' ? 'Mail' : 'Webhook') },
    { id: 'state', title: 'State', width: '22rem', cell: (d) => <DeliveryState {...states[d.state]} attempts={d.attempts} status={d.status_code} error={d.error && sentence(d.error)} nextAt={d.state === 'waiting' ? d.next_at : undefined} /> },
  ];
  return (
    <section aria-label="Deliveries">
      <Title order={2} mb="sm">
        Deliveries
      </Title>
      <DataTable
        caption={`Deliveries of ${alert.name}`}
        rows={rows}
        rowKey={(d) => d.id}
        columns={columns}
        empty={<EmptyState title="Nothing was sent yet">Every message stands here with what the receiver answered. Send a test message to see one.</EmptyState>}
      />
    </section>
  );
}
