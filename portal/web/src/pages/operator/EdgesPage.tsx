import { Button, Card, Group, SimpleGrid, Text } from '@mantine/core';
import { IconServerBolt } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { $api, api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { done, EmptyState, Loaded, StateDot, Time, type DotState } from '@/ui';
import { Facts } from '@/ui/Facts';
import { bytes, count } from '@/ui/format';
import { AskReason } from './AskReason';
import { Console } from './Console';
import { Sparkline } from './Sparkline';
import { span } from './words';

type Edge = Schemas['OperatorEdge'];

/** How many looks a line shows: two minutes. */
const looks = 60;

function stateOf(e: Edge): [DotState, string] {
  if (!e.reachable) return ['bad', 'Unreachable'];
  if (e.resting) return ['warn', 'Drained by an operator'];
  if (e.draining) return ['warn', 'Draining'];
  if (!e.ready) return ['busy', 'Not ready'];
  return e.lag_revisions > 0 ? ['busy', 'Catching up'] : ['good', 'Serving'];
}

/** The lags that were seen since the page was opened, by edge. */
function useLags(edges: Edge[] | undefined, at: number): Record<string, number[]> {
  const [lags, setLags] = useState<Record<string, number[]>>({});
  useEffect(() => {
    if (!edges) return;
    setLags((before) => Object.fromEntries(edges.map((e) => [e.id, [...(before[e.id] ?? []), e.lag_revisions].slice(-looks)])));
    // One look, one value: `at` is the moment of the answer.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at]);
  return lags;
}

export default function EdgesPage() {
  const query = $api.useQuery('get', '/v1/operator/edges', undefined, { refetchInterval: 2000 });
  const lags = useLags(query.data?.items, query.dataUpdatedAt);
  const [asked, setAsked] = useState<Edge>();
  const drained = asked?.resting === true;
  return (
    <Console title="Edges" description="Every edge that was heard of in the last day, as it says of itself each second.">
      <Loaded query={query}>
        {(list) =>
          list.items.length === 0 ? (
            <EmptyState title="No edge has reported" icon={<IconServerBolt size={32} />}>
              An edge stands here as soon as it reaches the same Redis with this Tollgate’s edge secret. Print the secret with <span className="tg-mono">tollgate secrets edge</span>.
            </EmptyState>
          ) : (
            <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
              {list.items.map((e) => (
                <EdgeCard key={e.id} edge={e} lags={lags[e.id] ?? []} onAsk={() => setAsked(e)} />
              ))}
            </SimpleGrid>
          )
        }
      </Loaded>
      <AskReason
        opened={asked !== undefined}
        onClose={() => setAsked(undefined)}
        title={drained ? `Let ${asked.id} serve again?` : `Drain ${asked?.id ?? ''}?`}
        consequences={
          drained
            ? ['It is ready again, and balancers send requests there.']
            : ['It is not ready any more, so that balancers send requests elsewhere.', 'Connections are closed after their answers, WebSockets are told to go.', 'It goes on running; a restart ends the drain.']
        }
        action={drained ? 'Let it serve' : 'Drain'}
        danger={!drained}
        readers="Only operators read it, in their audit."
        save={async ({ reason }) => {
          if (!asked) return;
          const call = { params: { path: { edge: asked.id } }, body: { reason } };
          await (drained ? api.POST('/v1/operator/edges/{edge}/undrain', call) : api.POST('/v1/operator/edges/{edge}/drain', call));
          await refresh('/v1/operator/edges');
          done(drained ? `${asked.id} serves again.` : `${asked.id} drains.`);
        }}
      />
    </Console>
  );
}

function EdgeCard({ edge: e, lags, onAsk }: { edge: Edge; lags: number[]; onAsk: () => void }) {
  const [dot, word] = stateOf(e);
  const lag = e.lag_revisions === 0 ? 'None' : `${count(e.lag_revisions)} ${e.lag_revisions === 1 ? 'revision' : 'revisions'}`;
  return (
    <Card withBorder padding="md" component="section" aria-label={e.id}>
      <Group justify="space-between" mb="sm">
        <Group gap="xs">
          <StateDot state={dot} />
          <Text fw={600} className="tg-mono" style={{ overflowWrap: 'anywhere' }}>
            {e.id}
          </Text>
          <Text size="sm">{word}</Text>
        </Group>
        {e.reachable && (e.resting || !e.draining) ? (
          <Button size="compact-sm" variant="default" onClick={onAsk} aria-label={e.resting ? `Let it serve: ${e.id}` : `Drain ${e.id}`}>
            {e.resting ? 'Let it serve' : 'Drain'}
          </Button>
        ) : null}
      </Group>
      <Facts
        facts={[
          ['Lag', (
            <Group key="l" gap="sm" wrap="nowrap">
              <span>
                {lag}
                {e.behind_since ? <>, since <Time at={e.behind_since} /></> : null}
              </span>
              <Sparkline values={lags} label={`Lag of ${e.id} in the last ${lags.length * 2} seconds: at most ${Math.max(0, ...lags)} revisions`} />
            </Group>
          )],
          ['Requests', `${e.requests_per_second.toLocaleString('en', { maximumFractionDigits: 1 })} a second, ${count(e.open_requests)} open`],
          ['Connections', count(e.connections)],
          ['Processors', e.cpu === undefined ? undefined : e.cpu.toLocaleString('en', { maximumFractionDigits: 2 })],
          ['Memory', e.memory_bytes === undefined ? undefined : bytes(e.memory_bytes)],
          ['Revision', count(e.revision)],
          ['Version', e.version],
          ['Up', e.reachable ? span((Date.parse(e.last_seen) - Date.parse(e.started_at)) / 1000) : undefined],
          ['Last heard of', e.reachable ? undefined : <Time key="t" at={e.last_seen} />],
        ]}
      />
    </Card>
  );
}
