import { Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useSearch } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import type { Schemas } from '@/api/client';
import { steady } from '@/api/queries';
import { Loaded } from '@/ui/Loaded';
import { ChartSkeleton } from '@/ui/Skeletons';
import { Time } from '@/ui/Time';
import { TimeRange } from '@/ui/TimeRange';
import { count } from '@/ui/format';
import { intervalOf, rangeOf, type RangeWords } from '@/ui/range';
import { $api, here } from '../client';
import { useGo } from '../links';
import { Head, SignedIn } from '../states';
import { rateWords } from '../words';

const UsageCharts = lazy(() => import('../UsageCharts'));

export default function UsagePage() {
  return <SignedIn title="Usage">{() => <Own />}</SignedIn>;
}

function Own() {
  const words = useSearch({ strict: false }) as RangeWords;
  const go = useGo();
  const range = rangeOf(words, '24h');
  const interval = intervalOf(range);
  const query = $api.useQuery('get', '/v1/developer/{label}/usage', { params: { ...here, query: { ...range, interval } } }, { ...steady, refetchInterval: 4_000 });
  return (
    <>
      <Head title="Usage">What your keys were used for, and what your plan has left.</Head>
      <Stack gap="xl">
        <Limits />
        <Stack gap="sm">
          <TimeRange
            value={words}
            fallback="24h"
            onChange={(next) => go('/usage', Object.fromEntries(Object.entries(next).filter(([, v]) => v !== undefined && v !== '')) as Record<string, string>, true)}
          />
          <Loaded query={query} skeleton={<ChartSkeleton height={300} />}>
            {(report) => (
              <Suspense fallback={<ChartSkeleton height={300} />}>
                <Text role="status">
                  {count(report.total.requests)} {report.total.requests === 1 ? 'request' : 'requests'} in this time: {count(report.total.status_2xx + report.total.status_3xx)} fine, {count(report.total.refused)} refused,{' '}
                  {count(report.total.upstream_errors)} failed in the API.
                </Text>
                <UsageCharts report={report} interval={interval} />
              </Suspense>
            )}
          </Loaded>
        </Stack>
      </Stack>
    </>
  );
}

/** What is left of the period's quota, where it is known. */
function QuotaLeft({ quota }: { quota: NonNullable<Schemas['PortalLimits']['quota']> }) {
  const { limit, period, used, left, resets_at } = quota;
  return (
    <div className="tg-panel" style={{ padding: 16 }}>
      <Text fw={600}>{left === undefined ? `${count(limit)} requests a ${period}` : `${count(left)} of ${count(limit)} requests left this ${period}`}</Text>
      {used === undefined ? null : <Progress mt="xs" value={Math.min(100, (used / limit) * 100)} aria-label="Quota used" />}
      <Text size="sm" c="dimmed" mt="xs">
        {used === undefined ? 'What is used can’t be told at the moment.' : `${count(used)} used.`} {resets_at ? <>It begins anew <Time at={resets_at} />.</> : null}
      </Text>
    </div>
  );
}

function Limits() {
  const query = $api.useQuery('get', '/v1/developer/{label}/limits', { params: here }, { refetchInterval: 10_000 });
  return (
    <section aria-label="Limits">
      <Title order={2} mb="sm">
        Limits
      </Title>
      <Loaded query={query}>
        {(limits) =>
          limits.usage_plan === undefined ? (
            <Text c="dimmed">You have no plan yet. Choose one on the page of your keys.</Text>
          ) : (
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              {limits.quota ? <QuotaLeft quota={limits.quota} /> : null}
              <div className="tg-panel" style={{ padding: 16 }}>
                <Text fw={600}>Plan {limits.usage_plan}</Text>
                <Text size="sm">{limits.rate_limit ? `At most ${rateWords(limits.rate_limit)}` : 'No limit on the rate'}</Text>
                <Text size="sm">{limits.concurrency ? `${count(limits.concurrency)} requests at the same time` : 'Any number of requests at the same time'}</Text>
              </div>
            </SimpleGrid>
          )
        }
      </Loaded>
    </section>
  );
}
