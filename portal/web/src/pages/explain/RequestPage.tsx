import { Badge, Button, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { Link, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { $api, type Schemas } from '@/api/client';
import { Problem } from '@/api/problem';
import { useGatewayName } from '@/shell/useGateway';
import { CopyText, ErrorState, PageHeader, PanelSkeleton } from '@/ui';
import { bytes, exactTime, milliseconds } from '@/ui/format';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { TraceView } from './TraceView';

type LogRecord = Schemas['LogRecord'];

export default function RequestPage() {
  const gateway = useGatewayName();
  const { id = '' } = useParams({ strict: false });
  const query = $api.useQuery(
    'get',
    '/v1/gateways/{gateway}/requests/{request_id}',
    { params: { path: { gateway, request_id: id } } },
    // The line of a request that was just answered is on its way for a moment.
    { retry: (n, error) => n < 4 && error instanceof Problem && error.status === 404, retryDelay: 700 },
  );
  const missing = query.error instanceof Problem && query.error.status === 404;
  const record = query.data;
  return (
    <>
      <PageHeader
        title={record ? `${record.method} ${record.path}` : 'Request'}
        badge={record ? <Status record={record} /> : undefined}
        description={<CopyText text={id} label="request id" />}
        actions={
          record ? (
            <LinkButton to="/gateways/$gw/explain" params={{ gw: gateway }} search={{ url: record.path + (record.query ? `?${record.query}` : ''), method: record.method }} variant="default">
              Explain it now
            </LinkButton>
          ) : null
        }
      />
      {record ? (
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
          <Facts record={record} gateway={gateway} />
          <section>
            <Title order={2} mb="md">
              Why
            </Title>
            {record.trace ? <TraceView trace={record.trace} gateway={gateway} /> : <Text c="dimmed">Traces are kept of refused and failed requests. This one was sent on; “Explain it now” says how it would be decided at the moment.</Text>}
          </section>
        </SimpleGrid>
      ) : query.error ? (
        <ErrorState
          error={
            missing
              ? new Problem({ ...(query.error as Problem), title: 'There is no such request in the log', detail: 'It may be of another gateway, older than the log keeps, or successful and not sampled.' })
              : query.error
          }
          retry={() => void query.refetch()}
          actions={
            <Button variant="default" renderRoot={(props) => <Link to="/gateways/$gw/logs" params={{ gw: gateway }} {...props} />}>
              To the logs
            </Button>
          }
        />
      ) : (
        <Stack>
          <PanelSkeleton lines={9} />
        </Stack>
      )}
    </>
  );
}

function Status({ record }: { record: LogRecord }) {
  return (
    <Badge size="lg" variant="light" color={record.status >= 500 ? 'red' : record.status >= 400 ? 'amber' : 'green'} tt="none">
      {record.status}
    </Badge>
  );
}

function Facts({ record: r, gateway }: { record: LogRecord; gateway: string }) {
  const facts: [string, ReactNode][] = [
    ['Time', exactTime(r.time)],
    ['Host', <span className="tg-mono">{r.host}</span>],
    ['Query', r.query ? <span className="tg-mono">{r.query}</span> : undefined],
    ['Error', r.code ? <a href={`/docs/errors#${r.code}`} className="tg-mono" style={{ color: 'var(--mantine-color-anchor)' }}>{r.code}</a> : undefined],
    ['Route', r.route ? <TextLink to="/gateways/$gw/routes/$name" params={{ gw: gateway, name: r.route }}>{r.route}</TextLink> : undefined],
    ['Consumer', r.consumer ? <TextLink to="/gateways/$gw/consumers/$name" params={{ gw: gateway, name: r.consumer }}>{r.consumer}</TextLink> : undefined],
    ['Key', r.key ? <TextLink to="/gateways/$gw/keys/$key" params={{ gw: gateway, key: r.key }}><span className="tg-mono">{r.key}</span></TextLink> : undefined],
    ['Target', r.target ? <span className="tg-mono">{r.target}</span> : undefined],
    ['Tries', r.tries && r.tries > 1 ? r.tries : undefined],
    ['Backend took', r.upstream_ms !== undefined && r.target ? milliseconds(r.upstream_ms) : undefined],
    ['Edge added', r.edge_ms !== undefined ? milliseconds(r.edge_ms) : undefined],
    ['Received', bytes(r.bytes_in ?? 0)],
    ['Sent', bytes(r.bytes_out ?? 0)],
    ['Billed', r.billed ? 'Yes' : 'No'],
    ['Broken off', r.aborted || undefined],
    ['Client', <span className="tg-mono">{r.client}</span>],
    ['User agent', r.user_agent || undefined],
    ['Protocol', r.protocol],
    ['Edge', <span className="tg-mono">{r.edge}</span>],
    ['Version', r.version ? <TextLink to="/gateways/$gw/versions/$version" params={{ gw: gateway, version: String(r.version) }}>{r.version}</TextLink> : undefined],
  ];
  return (
    <section>
      <Title order={2} mb="md">
        What happened
      </Title>
      <Table layout="fixed" fz="sm" verticalSpacing={5} className="tg-panel">
        <Table.Tbody>
          {facts
            .filter(([, value]) => value !== undefined)
            .map(([name, value]) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" fw={400} c="dimmed" w="8.5rem">
                  {name}
                </Table.Th>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>{value}</Table.Td>
              </Table.Tr>
            ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}
