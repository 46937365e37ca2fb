import { Group, Skeleton, Stack, Text } from '@mantine/core';
import { $api } from '@/api/client';
import { ErrorState, StateDot, Time } from '@/ui';
import { TextLink } from '@/ui/LinkTo';
import { healthWords, targetsOf } from './health';

export interface TargetsHealthProps {
  gateway: string;
  /** Only this upstream's. */
  upstream?: string;
  /** Show so many at most. */
  most?: number;
}

/** Every target as the edges see it just now. */
export function TargetsHealth({ gateway, upstream, most = 200 }: TargetsHealthProps) {
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/health', { params: { path: { gateway } } }, { refetchInterval: 3_000 });
  if (query.error && !query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) {
    return (
      <Stack gap="xs" p="md">
        <Skeleton height={14} width="70%" />
        <Skeleton height={14} width="55%" />
      </Stack>
    );
  }
  const targets = targetsOf(query.data, upstream);
  const reachable = query.data.edges.filter((e) => e.reachable).length;
  if (targets.length === 0) {
    return (
      <Text c="dimmed" p="md" size="sm">
        {reachable === 0 ? 'No edge is running, so nobody watches the targets.' : 'No edge has a target to watch yet.'}
      </Text>
    );
  }
  return (
    <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
      {targets.slice(0, most).map((t) => (
        <Stack key={`${t.upstream} ${t.target} ${t.address ?? ''}`} component="li" gap={2} px="md" py="xs" style={{ borderTop: '1px solid var(--tg-line)' }}>
          <Group gap="xs" justify="space-between">
            <Text size="sm" className="tg-mono">
              {t.target}
              {t.address ? <Text span c="dimmed">{` at ${t.address}`}</Text> : null}
            </Text>
            <Text size="sm">
              <StateDot state={t.healthy === t.edges ? 'good' : t.healthy === 0 ? 'bad' : 'warn'} /> {healthWords(t)}
            </Text>
          </Group>
          {upstream === undefined ? (
            <Text size="xs" c="dimmed">
              Upstream{' '}
              <TextLink to="/gateways/$gw/upstreams/$name" params={{ gw: gateway, name: t.upstream }}>
                {t.upstream}
              </TextLink>
            </Text>
          ) : null}
          {t.reasons.map((r) => (
            <Text key={r.reason} size="xs" c="dimmed">
              {r.reason} ({r.edges.join(', ')}){r.since ? <> since <Time at={r.since} /></> : null}
            </Text>
          ))}
        </Stack>
      ))}
      {targets.length > most ? (
        <Text size="sm" c="dimmed" px="md" py="xs" component="li">
          And {targets.length - most} more.
        </Text>
      ) : null}
    </Stack>
  );
}
