import { Anchor, Button, Group, SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { ErrorState, FiguresSkeleton, PanelSkeleton, Time } from '@/ui';
import { bytes, count, percent } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { Budgets } from '../plans/Budgets';

interface Props {
  gateway: string;
  consumer: Schemas['Consumer'];
}

/** What is left of a consumer's limits, what it did in the last week, and what was refused. */
export function ConsumerOverview({ gateway, consumer }: Props) {
  const usage = useMay('usage:read');
  const logs = useMay('logs:read');
  return (
    <>
      <Panel title="What is left" text={consumer.usage_plan ? `Of the usage plan ${consumer.usage_plan}, for all of its keys together.` : undefined}>
        <Budgets budgets={consumer.budgets ?? []} />
      </Panel>
      {usage ? <Usage gateway={gateway} consumer={consumer} /> : null}
      {logs ? <Refused gateway={gateway} consumer={consumer} /> : null}
    </>
  );
}

const week = 7 * 86_400_000;

function Usage({ gateway, consumer: { name = '' } }: Props) {
  const [from] = useState(() => new Date(Math.floor((Date.now() - week) / 3_600_000) * 3_600_000).toISOString());
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/usage', { params: { path: { gateway }, query: { from, interval: 'day', consumer: name } } });
  const total = query.data?.total;
  const share = (n: number) => (total && total.requests > 0 ? ` (${percent(n / total.requests)})` : '');
  return (
    <Panel
      title="The last 7 days"
      actions={
        <Button variant="default" size="compact-md" renderRoot={(props) => <Link to="/gateways/$gw/analytics" params={{ gw: gateway }} search={{ consumer: name, range: '7d' }} {...props} />}>
          Its analytics
        </Button>
      }
    >
      {total ? (
        <SimpleGrid cols={{ base: 2, sm: 4 }}>
          <Figure title="Requests" value={count(total.requests)} />
          <Figure title="Refused by the edge" value={`${count(total.refused)}${share(total.refused)}`} />
          <Figure title="Errors of backends" value={`${count(total.upstream_errors)}${share(total.upstream_errors)}`} />
          <Figure title="Sent to it" value={bytes(total.bytes_out)} />
        </SimpleGrid>
      ) : query.error ? (
        <ErrorState error={query.error} retry={() => void query.refetch()} />
      ) : (
        <FiguresSkeleton />
      )}
    </Panel>
  );
}

function Figure({ title, value }: { title: string; value: string }) {
  return (
    <Stack gap={2} className="tg-panel" p="md">
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      <Text fz="lg" fw={600} className="tg-figures">
        {value}
      </Text>
    </Stack>
  );
}

function Refused({ gateway, consumer: { name = '' } }: Props) {
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/logs', { params: { path: { gateway }, query: { consumer: name, outcome: 'refused', limit: 8 } } }, { refetchInterval: 10_000 });
  const records = query.data?.items;
  return (
    <Panel
      title="Refused requests"
      text="What the edge answered itself, the newest first. Each one can be explained."
      actions={
        records && records.length > 0 ? (
          <Button variant="default" size="compact-md" renderRoot={(props) => <Link to="/gateways/$gw/logs" params={{ gw: gateway }} search={{ consumer: name, outcome: 'refused' }} {...props} />}>
            All of them
          </Button>
        ) : null
      }
    >
      {!records ? (
        query.error ? (
          <ErrorState error={query.error} retry={() => void query.refetch()} />
        ) : (
          <PanelSkeleton lines={3} />
        )
      ) : records.length === 0 ? (
        <Text c="dimmed">None of its requests was refused lately.</Text>
      ) : (
        <RefusedRows gateway={gateway} records={records} />
      )}
    </Panel>
  );
}

function RefusedRows({ gateway, records }: { gateway: string; records: Schemas['LogRecord'][] }) {
  return (
    <div className="tg-panel">
      <Table verticalSpacing={6}>
        <Table.Tbody>
          {records.map((r) => (
            <Table.Tr key={r.id}>
              <Table.Td>
                <Group gap="xs" justify="space-between" wrap="wrap">
                  <Group gap="xs" miw={0} style={{ flex: '1 1 12rem' }}>
                    <Text span fw={600} className="tg-figures">
                      {r.status}
                    </Text>
                    <span className="tg-mono">{r.code}</span>
                    <Text span c="dimmed" size="sm" className="tg-mono">
                      {r.method} {r.path}
                    </Text>
                  </Group>
                  <Group gap="md">
                    <Text span size="sm" c="dimmed">
                      <Time at={r.time} />
                    </Text>
                    <Anchor size="sm" underline="always" renderRoot={(props) => <Link to="/gateways/$gw/requests/$id" params={{ gw: gateway, id: r.request_id }} {...props} />}>
                      Why
                    </Anchor>
                  </Group>
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
