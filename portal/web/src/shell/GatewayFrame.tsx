import { Badge, Button, Group, Text } from '@mantine/core';
import { Link, Outlet } from '@tanstack/react-router';
import { $api } from '@/api/client';
import { Problem } from '@/api/problem';
import { useMadeVersion } from '@/api/versions';
import { CopyText } from '@/ui/CopyText';
import { ErrorState } from '@/ui/ErrorState';
import { LiveBadge } from '@/ui/LiveBadge';
import { PageHeader } from '@/ui/PageHeader';
import { PanelSkeleton } from '@/ui/Skeletons';
import { useGatewayName } from './useGateway';

/** What stands above every page of a gateway: its host, its mode, and where its newest version is live. */
export default function GatewayFrame() {
  const gateway = useGatewayName();
  const made = useMadeVersion(gateway);
  const query = $api.useQuery('get', '/v1/gateways/{gateway}', { params: { path: { gateway } } });
  const { data, error } = query;
  if (error && !data) {
    const missing = error instanceof Problem && error.status === 404;
    return (
      <>
        <PageHeader title={gateway} />
        <ErrorState
          error={missing ? new Problem({ ...error, title: `There is no gateway ${gateway} here`, detail: 'It may be in another of your organizations, or deleted.' }) : error}
          retry={missing ? undefined : () => void query.refetch()}
          actions={
            <Button variant="default" renderRoot={(props) => <Link to="/gateways" {...props} />}>
              All gateways
            </Button>
          }
        />
      </>
    );
  }
  if (!data) return <PanelSkeleton />;
  return (
    <>
      <Group justify="space-between" gap="xs" mb="md" mih={34}>
        <Group gap="sm">
          <Text span size="sm" c="dimmed">
            <CopyText text={data.hostname} label="host name" />
          </Text>
          {data.mode === 'test' ? (
            <Badge variant="light" color="amber" tt="none">
              Test mode: unbilled
            </Badge>
          ) : null}
        </Group>
        <LiveBadge gateway={gateway} version={Math.max(made ?? 0, data.version) || undefined} />
      </Group>
      <Outlet />
    </>
  );
}
