import { SimpleGrid, Text } from '@mantine/core';
import { $api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { steady } from '@/api/queries';
import { ErrorState, FiguresSkeleton, rangeOf } from '@/ui';
import { count, milliseconds, percent } from '@/ui/format';

type Point = Schemas['UsagePoint'];

/** The last 24 hours in four figures, each beside that of the day before. */
export function UsageFigures({ gateway }: { gateway: string }) {
  const may = useMay('usage:read');
  const query = $api.useQuery(
    'get',
    '/v1/gateways/{gateway}/usage',
    { params: { path: { gateway }, query: { from: rangeOf({}, '24h').from, interval: 'hour', compare: true } } },
    { enabled: may, refetchInterval: 15_000, ...steady },
  );
  if (!may) return null;
  if (query.error && !query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <FiguresSkeleton />;
  const { total, previous, points } = query.data;
  const before = previous?.total;
  const errors = (p: Point) => (p.requests === 0 ? 0 : p.errors / p.requests);
  return (
    <section aria-label="The last 24 hours">
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="md">
        <Figure title="Requests in 24 h" value={count(total.requests)} before={before && count(before.requests)}>
          <Spark points={points} />
        </Figure>
        <Figure title="Errors" value={percent(errors(total))} before={before && percent(errors(before))} />
        <Figure
          title="Backend, p95"
          value={total.upstream_ms && total.requests > 0 ? milliseconds(total.upstream_ms.p95) : '–'}
          before={before?.upstream_ms && before.requests > 0 ? milliseconds(before.upstream_ms.p95) : undefined}
        />
        <Figure
          title="Added by the edge, p95"
          value={total.edge_ms && total.requests > 0 ? milliseconds(total.edge_ms.p95) : '–'}
          before={before?.edge_ms && before.requests > 0 ? milliseconds(before.edge_ms.p95) : undefined}
        />
      </SimpleGrid>
    </section>
  );
}

function Figure({ title, value, before, children }: { title: string; value: string; before?: string; children?: React.ReactNode }) {
  return (
    <div className="tg-panel" style={{ padding: '12px 16px', minHeight: 104 }}>
      <Text size="sm" c="dimmed">
        {title}
      </Text>
      <Text fz="1.5rem" fw={550} className="tg-figures">
        {value}
      </Text>
      {before !== undefined ? (
        <Text size="xs" c="dimmed">
          {before} the day before
        </Text>
      ) : null}
      {children}
    </div>
  );
}

/** The hours as bars, without axes: the figure above says how many. */
function Spark({ points }: { points: Point[] }) {
  const most = Math.max(1, ...points.map((p) => p.requests));
  const width = 100 / Math.max(1, points.length);
  return (
    <svg viewBox="0 0 100 20" preserveAspectRatio="none" width="100%" height={20} aria-hidden focusable="false">
      {points.map((p, i) => (
        <rect
          key={p.time}
          x={i * width}
          y={20 - (p.requests / most) * 20}
          width={Math.max(0.2, width - 0.6)}
          height={(p.requests / most) * 20}
          fill="var(--mantine-primary-color-filled)"
        />
      ))}
    </svg>
  );
}
