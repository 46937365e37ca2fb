import { Box, Button, Popover, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/client';
import { milliseconds } from './format';
import { StateDot, type DotState } from './StateDot';

export interface LiveBadgeProps {
  gateway: string;
  /** The version to follow; default the newest. */
  version?: number;
}

/**
 * "Version 42: live on 3 of 3 edges". It waits until the version is live
 * everywhere and says how long each edge took; in between it asks now and then.
 */
export function LiveBadge({ gateway, version }: LiveBadgeProps) {
  const { data } = useQuery({
    queryKey: ['get', '/v1/gateways/{gateway}/live', gateway, version],
    queryFn: async ({ signal }) => {
      const read = (wait?: string) =>
        api.GET('/v1/gateways/{gateway}/live', { params: { path: { gateway }, query: { version, wait } }, signal });
      const { data: report } = await read(version ? '5s' : undefined);
      return report;
    },
    refetchInterval: (query) => (query.state.data?.live ? 15_000 : 1_000),
    staleTime: 0,
  });
  if (!data) return <Box w={230} h={28} />;
  const reachable = data.edges.filter((e) => e.reachable);
  const live = reachable.filter((e) => e.live).length;
  const state: DotState = data.live ? 'good' : data.reason ? 'bad' : reachable.length === 0 ? 'idle' : 'busy';
  const where = reachable.length === 0 ? 'no edge is running' : `live on ${live} of ${reachable.length} edge${reachable.length === 1 ? '' : 's'}`;
  return (
    <Popover width={320} position="bottom-end" withArrow shadow="md">
      <Popover.Target>
        <Button variant="default" size="compact-md" radius="xl" leftSection={<StateDot state={state} />} aria-live="polite">
          Version {data.version}: {where}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap={6}>
          {data.reason ? <Text size="sm">Held back: {data.reason}</Text> : null}
          {data.edges.map((edge) => (
            <Text key={edge.edge} size="sm">
              <StateDot state={!edge.reachable ? 'idle' : edge.live ? 'good' : 'busy'} /> <span className="tg-mono">{edge.edge}</span>{' '}
              {!edge.reachable
                ? 'can’t be reached'
                : edge.live
                  ? edge.took_ms !== undefined
                    ? `after ${milliseconds(edge.took_ms)}`
                    : 'live'
                  : (edge.reason ?? 'not yet')}
            </Text>
          ))}
          {data.edges.length === 0 ? <Text size="sm">Start an edge to serve this gateway.</Text> : null}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
