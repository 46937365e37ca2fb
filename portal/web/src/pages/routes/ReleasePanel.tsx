import { Alert, Button, Group, Progress, Stack, Text, Textarea, Title, VisuallyHidden } from '@mantine/core';
import { useState } from 'react';
import { $api, api } from '@/api/client';
import { refresh, steady } from '@/api/queries';
import { useMay } from '@/api/session';
import { ChartSkeleton, ConfirmDanger, done, failed, Loaded, StateDot, Time } from '@/ui';
import { TimeChart } from '@/ui/charts/TimeChart';
import { capital, count, milliseconds } from '@/ui/format';
import { Facts } from '@/ui/Facts';
import { TextLink } from '@/ui/LinkTo';
import { actionsOf, errorsOf, latencyOf, outcomeOf, pointsOf, ruleWords, stepWords, type Action, type Release } from './release';

const verbs: Record<Action, string> = { pause: 'Pause', resume: 'Go on', stop: 'Stop and roll back', restart: 'Begin anew' };
const said: Record<Action, string> = {
  pause: 'The release is paused: its share stays as it is.',
  resume: 'The release goes on.',
  stop: 'The release is stopped: nobody goes to the variant any more.',
  restart: 'The release begins anew with its first step.',
};

/** How the release of a route does, and what can be done about it. It reads itself again. */
export function ReleasePanel({ gateway, route }: { gateway: string; route: string }) {
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/routes/{name}/release', { params: { path: { gateway, name: route } } }, { ...steady, refetchInterval: 5_000, staleTime: 0 });
  return (
    <Loaded query={query} skeleton={<ChartSkeleton height={300} />}>
      {(release) => (
        <Stack gap="lg">
          <Standing gateway={gateway} route={route} release={release} />
          <Figures release={release} />
        </Stack>
      )}
    </Loaded>
  );
}

function Standing({ gateway, route, release }: { gateway: string; route: string; release: Release }) {
  const { label, dot } = outcomeOf(release);
  const over = release.outcome === 'done' || release.outcome === 'stopped';
  const upstream = (name: string | undefined) =>
    name ? (
      <TextLink to="/gateways/$gw/upstreams/$name" params={{ gw: gateway, name }}>
        {name}
      </TextLink>
    ) : undefined;
  const rules = ruleWords(release.rules);
  return (
    <section className="tg-panel" style={{ padding: '16px 18px' }}>
      <Group justify="space-between" align="flex-start" gap="sm" mb="sm">
        <Title order={2}>
          Release {release.variant}{' '}
          <Text span size="md" fw={400} ml={6} style={{ whiteSpace: 'nowrap' }}>
            <StateDot state={dot} /> {label}
          </Text>
        </Title>
        <Steer gateway={gateway} route={route} release={release} />
      </Group>
      {release.outcome === 'stopped' && release.reason ? (
        <Alert color={release.manual ? 'gray' : 'red'} mb="md" title={release.manual ? undefined : 'Stopped because'}>
          {capital(release.reason)}
        </Alert>
      ) : null}
      <Progress.Root size="lg" mb={6}>
        <Progress.Section value={release.percent} aria-label="Share of callers" color={release.outcome === 'done' ? 'green' : undefined} />
      </Progress.Root>
      <Steps release={release} />
      <Facts
        facts={[
          ['Share of callers', `${release.percent}%`],
          ['Variant', upstream(release.upstream)],
          ['Everybody else', upstream(release.stable)],
          [over ? 'Since' : 'Step since', release.since ? <Time at={release.since} /> : undefined],
          ['Paused', release.paused_at ? <Time at={release.paused_at} /> : undefined],
          [nextWords(release), release.next_at ? <Time at={release.next_at} /> : undefined],
          ['Stops where', over ? undefined : `${rules.length > 0 ? rules.join(', or ') : 'no rule says so'}${rules.length > 0 ? `, judged by ${count(release.rules.min_requests)} requests or more` : ''}`],
        ]}
      />
      <Text size="sm" c="dimmed" mt="md">
        {release.outcome === 'done' ? 'All is well? Make the variant’s upstream the route’s own, and take the policy Release away. ' : ''}
        Each move is a{' '}
        <TextLink to="/gateways/$gw/versions" params={{ gw: gateway }}>
          version
        </TextLink>{' '}
        with its reason in the{' '}
        <TextLink to="/organization/audit" params={{}}>
          audit log
        </TextLink>
        .
      </Text>
    </section>
  );
}

function nextWords(r: Release): string {
  if (r.outcome === 'waiting') return 'Begins';
  return r.step + 1 < r.steps.length ? `Then ${r.steps[r.step + 1]?.percent ?? ''}%, at the earliest` : 'Done, at the earliest';
}

/** The steps in a line; the one that stands is the current one. */
function Steps({ release }: { release: Release }) {
  return (
    <Group component="ol" gap="xs" m={0} mb="md" p={0} style={{ listStyle: 'none' }} aria-label="Steps">
      {release.steps.map((step, i) => {
        const current = i === release.step && release.outcome !== 'waiting';
        return (
          <Text component="li" size="sm" key={i} fw={current ? 600 : 400} c={current ? undefined : 'dimmed'} aria-current={current ? 'step' : undefined}>
            {i > 0 ? '→ ' : ''}
            {stepWords(step)}
          </Text>
        );
      })}
    </Group>
  );
}

function Steer({ gateway, route, release }: { gateway: string; route: string; release: Release }) {
  const may = useMay('gateways:write');
  const [busy, setBusy] = useState<Action>();
  const [stopping, setStopping] = useState(false);
  const [reason, setReason] = useState('');
  if (!may) return null;
  const send = async (action: Action) => {
    await api.POST('/v1/gateways/{gateway}/routes/{name}/release', {
      params: { path: { gateway, name: route } },
      body: { action, ...(action === 'stop' && reason.trim() ? { reason: reason.trim() } : {}) },
    });
    await refresh('/v1/gateways/{gateway}/routes', '/v1/gateways/{gateway}/versions');
    done(said[action]);
  };
  const press = async (action: Action) => {
    setBusy(action);
    try {
      await send(action);
    } catch (error) {
      failed(error);
    } finally {
      setBusy(undefined);
    }
  };
  return (
    <Group gap="xs">
      {actionsOf(release.outcome).map((action) => (
        <Button key={action} variant="default" loading={busy === action} disabled={busy !== undefined} onClick={() => (action === 'stop' ? setStopping(true) : void press(action))}>
          {verbs[action]}
        </Button>
      ))}
      <ConfirmDanger
        opened={stopping}
        onClose={() => setStopping(false)}
        title={`Stop the release ${release.variant}?`}
        action="Stop and roll back"
        consequences={[
          `The ${release.percent}% of callers who are in go back to ${release.stable ?? 'the route’s own upstream'}, as soon as the edges have the new version.`,
          'Conditions of the variant, such as a header for testers, still let callers in.',
          <Textarea key="why" label="Why" description="In the audit log; may be empty" maxLength={300} autosize value={reason} onChange={(e) => setReason(e.currentTarget.value.replaceAll('\n', ' '))} />,
        ]}
        onConfirm={() => send('stop')}
      />
    </Group>
  );
}

function Figures({ release }: { release: Release }) {
  const { in_variant: variant, in_stable: stable, rules, minutes } = release;
  const series = [
    { id: 'variant', label: release.variant, color: 'var(--tg-c2)', kind: 'line' as const },
    { id: 'stable', label: release.stable ?? 'the route’s own', color: 'var(--tg-c1)', kind: 'line' as const, dash: '8 4' },
  ];
  const latency = latencyOf(rules.percentile);
  const time = (s: typeof variant) => {
    const ms = latency(s);
    return ms === undefined ? '–' : milliseconds(ms);
  };
  const chart = { series, interval: 'minute' as const, zone: 'local' as const, height: 190 };
  const when = release.outcome === 'stopped' || release.outcome === 'done' ? 'In the last ten minutes before its end' : 'In this step';
  return (
    <>
      <section className="tg-panel" style={{ padding: '14px 16px', overflowX: 'auto' }}>
        <Title order={2} size="h3">
          {when}
        </Title>
        <table style={{ width: '100%', marginTop: 8, borderCollapse: 'collapse' }}>
          <thead>
            <tr>
              {['', 'Requests', 'Failed', rules.percentile].map((title) => (
                <Text component="th" key={title} scope="col" size="xs" c="dimmed" fw={400} ta={title === '' ? 'left' : 'right'} py={4}>
                  {title === '' ? <VisuallyHidden>Version</VisuallyHidden> : title}
                </Text>
              ))}
            </tr>
          </thead>
          <tbody>
            {[
              { name: release.variant, of: variant },
              { name: release.stable ?? 'The route’s own', of: stable },
            ].map(({ name, of }) => (
              <tr key={name} style={{ borderTop: '1px solid var(--tg-line)' }}>
                <Text component="th" scope="row" ta="left" fw={500} py={6} style={{ overflowWrap: 'anywhere' }}>
                  {name}
                </Text>
                <Text component="td" ta="right">{count(of.requests)}</Text>
                <Text component="td" ta="right">{of.requests > 0 ? `${of.error_percent.toLocaleString('en', { maximumFractionDigits: 1 })}%` : '–'}</Text>
                <Text component="td" ta="right">{time(of)}</Text>
              </tr>
            ))}
          </tbody>
        </table>
        {variant.requests < rules.min_requests && release.outcome === 'running' ? (
          <Text size="sm" c="dimmed" mt="xs">
            The next step waits until the variant had {count(rules.min_requests)} requests in this one: nothing rises unseen.
          </Text>
        ) : null}
      </section>
      <div className="tg-charts">
        <TimeChart title="Requests that fail" note="Percent of each version’s: a 5xx, or no answer" points={pointsOf(minutes, errorsOf)} format={(v) => `${v.toLocaleString('en', { maximumFractionDigits: 2 })}%`} axis={(v) => `${v}%`} {...chart} />
        <TimeChart title={`Latency, ${rules.percentile}`} note="Of the backends; the slowest target of several" points={pointsOf(minutes, latency)} format={milliseconds} axis={milliseconds} {...chart} />
        <TimeChart title="Requests" points={pointsOf(minutes, (s) => s.requests)} format={count} axis={count} {...chart} />
      </div>
    </>
  );
}
