import { Anchor, Button, Group, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { IconBell } from '@tabler/icons-react';
import { api } from '@/api/client';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, PageHeader, StateDot, Time, isBare, useRows, type Column } from '@/ui';
import { ruleWords, statusOf, valueWords, type Alert } from './words';

export default function AlertsPage() {
  const gateway = useGatewayName();
  const may = useMay('gateways:write');
  const rows = useRows<Alert>({
    key: ['get', '/v1/gateways/{gateway}/alerts', gateway],
    read: async (_cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/alerts', { params: { path: { gateway } }, signal });
      return data ?? { items: [] };
    },
    refetchInterval: 10_000,
  });
  const create = may ? <Button renderRoot={(props) => <Link to="/gateways/$gw/new-alert" params={{ gw: gateway }} {...props} />}>New alert</Button> : undefined;
  const columns: Column<Alert>[] = [
    {
      id: 'name', title: 'Name', width: '15rem',
      cell: (a) => (
        <Anchor inherit renderRoot={(props) => <Link to="/gateways/$gw/alerts/$name" params={{ gw: gateway, name: a.name }} {...props} />}>
          {a.name}
        </Anchor>
      ),
    },
    { id: 'state', title: 'State', width: '13rem', cell: (a) => <State alert={a} /> },
    { id: 'rule', title: 'Fires when', cell: (a) => ruleWords(a) },
    { id: 'value', title: 'Now', width: '8rem', numeric: true, cell: (a) => (a.state.value === undefined ? '–' : valueWords(a.kind, a.state.value)) },
    { id: 'told', title: 'Told', width: '8rem', cell: (a) => (a.channels.length === 0 ? 'Nobody' : a.channels.map((c) => (c.type === 'mail' ? 'Mail' : 'Webhook')).join(', ')) },
  ];
  return (
    <>
      <PageHeader
        title="Alerts"
        description="Tells you by mail or webhook when too many requests fail, backends become slow, a quota runs out or nobody calls any more."
        docs="/docs/alerts"
        actions={isBare(rows) ? null : create}
      />
      <DataTable
        caption={`Alerts of ${gateway}`}
        rows={rows}
        rowKey={(a) => a.id}
        columns={columns}
        empty={
          <EmptyState icon={<IconBell size={32} />} title="No alert yet" action={create}>
            An alert watches one figure and tells people when it goes over a threshold, once when it begins and once when it is over. A good first one: 5% or more of the requests fail
            within five minutes.
          </EmptyState>
        }
      />
    </>
  );
}

function State({ alert }: { alert: Alert }) {
  const { label, dot } = statusOf(alert.state.status);
  return (
    <div>
      <Group gap={7} wrap="nowrap">
        <StateDot state={dot} />
        <span>{label}</span>
      </Group>
      <Text size="xs" c="dimmed">
        since <Time at={alert.state.since} />
      </Text>
    </div>
  );
}
