import { Anchor, Code, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { IconCopy, IconPlus } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { $api } from '@/api/client';
import { useMay } from '@/api/session';
import { useGateway, useGatewayName } from '@/shell/useGateway';
import { CopyIcon, EmptyState, PageHeader, PanelSkeleton, StateDot } from '@/ui';
import { count } from '@/ui/format';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { needsAttention } from '@/pages/domains/words';
import { TargetsHealth } from '@/pages/upstreams/TargetsHealth';
import { samplePath } from '@/pages/routes/match';
import { curlOf } from './address';
import { UsageFigures } from './UsageFigures';

const one = { limit: 1, count: true } as const;

export default function OverviewPage() {
  const name = useGatewayName();
  const gateway = useGateway();
  const write = useMay('gateways:write');
  const path = { gateway: name };
  const routes = $api.useQuery('get', '/v1/gateways/{gateway}/routes', { params: { path, query: { ...one, sort: 'name' } } });
  const upstreams = $api.useQuery('get', '/v1/gateways/{gateway}/upstreams', { params: { path, query: one } });
  const consumers = $api.useQuery('get', '/v1/gateways/{gateway}/consumers', { params: { path, query: one } });
  if (!gateway) return <PanelSkeleton />;
  const nothing = routes.data?.total === 0;
  return (
    <>
      <PageHeader
        title={gateway.name}
        description={gateway.mode === 'test' ? 'A test gateway: free, unbilled, with test keys.' : 'How the gateway does at the moment.'}
        actions={
          write && !nothing ? (
            <>
              <LinkButton to="/gateways/$gw/new-route" params={{ gw: name }} leftSection={<IconPlus size={16} aria-hidden />}>
                New route
              </LinkButton>
              <LinkButton to="/gateways/$gw/copy" params={{ gw: name }} variant="default" leftSection={<IconCopy size={16} aria-hidden />}>
                Copy to another gateway
              </LinkButton>
            </>
          ) : null
        }
      />
      <Stack gap="lg">
        {nothing ? <NothingYet gateway={name} hasUpstream={(upstreams.data?.total ?? 0) > 0} write={write} /> : <UsageFigures gateway={name} />}
        <Address gateway={name} url={gateway.url} path={samplePath(routes.data?.items[0]?.match.path)} />
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <Count title="Routes" total={routes.data?.total} to="/gateways/$gw/routes" gateway={name} />
          <Count title="Upstreams" total={upstreams.data?.total} to="/gateways/$gw/upstreams" gateway={name} />
          <Count title="Consumers" total={consumers.data?.total} to="/gateways/$gw/consumers" gateway={name} />
        </SimpleGrid>
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <Panel title="Targets">
            <TargetsHealth gateway={name} most={8} />
          </Panel>
          <Panel title="Edges">
            <Edges gateway={name} />
          </Panel>
        </SimpleGrid>
      </Stack>
    </>
  );
}

function NothingYet({ gateway, hasUpstream, write }: { gateway: string; hasUpstream: boolean; write: boolean }) {
  return (
    <EmptyState
      title="This gateway serves nothing yet"
      action={
        write ? (
          <Group gap="xs" justify="center">
            {hasUpstream ? null : (
              <LinkButton to="/gateways/$gw/new-upstream" params={{ gw: gateway }}>
                New upstream
              </LinkButton>
            )}
            <LinkButton to="/gateways/$gw/new-route" params={{ gw: gateway }} variant={hasUpstream ? 'filled' : 'default'}>
              New route
            </LinkButton>
          </Group>
        ) : null
      }
    >
      An upstream says where your backend is; a route says which requests go to it. The moment the first route is saved, requests to the address below are
      answered.
    </EmptyState>
  );
}

function Address({ gateway, url, path }: { gateway: string; url: string; path: string }) {
  const line = curlOf(url + path);
  const domains = $api.useQuery('get', '/v1/gateways/{gateway}/domains', { params: { path: { gateway }, query: { limit: 50 } } }).data?.items;
  const served = (domains ?? []).filter((d) => d.state === 'active' || d.state === 'failing').map((d) => d.host);
  const troubled = (domains ?? []).filter(needsAttention).map((d) => d.host);
  return (
    <Panel title="Call it">
      <Group gap="xs" px="md" pb="md" wrap="nowrap">
        <Code className="tg-mono" p="xs" style={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
          {line}
        </Code>
        <CopyIcon text={line} label="curl line" />
      </Group>
      <Text size="sm" px="md" pb="md" mih={22}>
        {troubled.length > 0 ? (
          <>
            <StateDot state="warn" /> {listed(troubled)} {troubled.length === 1 ? 'needs' : 'need'} attention.{' '}
          </>
        ) : null}
        {served.length > 0 ? `Also reached at ${listed(served)}. ` : null}
        <TextLink to="/gateways/$gw/domains" params={{ gw: gateway }}>
          {(domains ?? []).length > 0 ? 'Domains of this gateway' : 'Use a domain of your own'}
        </TextLink>
      </Text>
    </Panel>
  );
}

/** The first few of a list of names. */
function listed(names: readonly string[]): string {
  const first = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${first} and ${names.length - 3} more` : first;
}

function Count({ title, total, to, gateway }: { title: string; total?: number; to: '/gateways/$gw/routes'; gateway: string } | { title: string; total?: number; to: '/gateways/$gw/upstreams' | '/gateways/$gw/consumers'; gateway: string }) {
  return (
    <div className="tg-panel" style={{ padding: '12px 16px' }}>
      <Anchor size="sm" renderRoot={(props) => <Link to={to} params={{ gw: gateway }} {...props} />}>
        {title}
      </Anchor>
      <Text fz="1.375rem" fw={550} className="tg-figures">
        {total === undefined ? ' ' : count(total)}
      </Text>
    </div>
  );
}

function Panel({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="tg-panel">
      <Title order={2} size="h3" px="md" py="sm">
        {title}
      </Title>
      {children}
    </section>
  );
}

function Edges({ gateway }: { gateway: string }) {
  const { data } = $api.useQuery('get', '/v1/gateways/{gateway}/health', { params: { path: { gateway } } }, { refetchInterval: 3_000 });
  const words = (e: { ready: boolean; draining: boolean; reachable: boolean }) =>
    !e.reachable ? 'can’t be reached' : e.draining ? 'draining' : e.ready ? 'ready' : 'starting';
  return (
    <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
      {(data?.edges ?? []).map((e) => (
        <Group key={e.edge} component="li" justify="space-between" px="md" py="xs" style={{ borderTop: '1px solid var(--tg-line)' }}>
          <Text size="sm" className="tg-mono">
            {e.edge}
          </Text>
          <Text size="sm">{words(e)}</Text>
        </Group>
      ))}
      {data && data.edges.length === 0 ? (
        <Text size="sm" c="dimmed" p="md" component="li">
          No edge is running.
        </Text>
      ) : null}
    </Stack>
  );
}
