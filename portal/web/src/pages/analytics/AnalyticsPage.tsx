import { Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { IconChartHistogram } from '@tabler/icons-react';
import { useGatewayName } from '@/shell/useGateway';
import { ChartSkeleton, EmptyState, FiguresSkeleton, Loaded, PageHeader, TimeRange, useSearchParams } from '@/ui';
import { widths } from '@/ui/charts/axis';
import { dateTime } from '@/ui/format';
import { Charts } from './Charts';
import { Controls } from './Controls';
import { ExportMenu } from './ExportMenu';
import { Figures } from './Figures';
import { FilterBar } from './FilterBar';
import { nothing } from './series';
import { TopList } from './TopList';
import { useUsage } from './useUsage';
import { deeper, fallbackRange, narrow, viewOf, wordsOf, type Split, type View } from './view';

export default function AnalyticsPage() {
  const gateway = useGatewayName();
  const [words, setWords] = useSearchParams();
  const view = viewOf(words);
  const { query, interval } = useUsage(gateway, view);
  const change = (next: Partial<View>) => setWords(wordsOf(next));
  const pick = (by: Split, value: string) => {
    const filters = narrow(view.filters, by, value);
    change({ filters, by: deeper(by, filters) });
  };
  const zoom = (time: number) => {
    if (interval === 'minute') return;
    setWords({ range: undefined, from: new Date(time).toISOString(), to: new Date(time + widths[interval]).toISOString(), interval: undefined });
  };
  return (
    <>
      <PageHeader
        title="Analytics"
        description="What passed through this gateway, from the same ledger that invoices are made from."
        docs="/docs/observability#usage"
        actions={
          <>
            <TimeRange value={view.words} fallback={fallbackRange} onChange={(range) => setWords({ ...range, interval: undefined })} />
            <ExportMenu gateway={gateway} view={view} />
          </>
        }
      />
      <Stack gap="md">
        <Controls view={view} interval={interval} onChange={change} />
        <FilterBar gateway={gateway} view={view} onChange={change} />
        <Loaded query={query} skeleton={<PageSkeleton />}>
          {(report) =>
            nothing(report) && !report.previous?.total.requests && Object.keys(view.filters).length === 0 ? (
              <NoTraffic gateway={gateway} from={report.from} wide={view.words.range === '90d'} onWiden={() => setWords({ range: '90d', from: undefined, to: undefined, interval: undefined })} />
            ) : (
              <>
                <Figures report={report} />
                <Charts report={report} interval={interval} zone={view.zone} onPick={zoom} />
                <TopList gateway={gateway} view={view} onChange={change} onPick={pick} />
              </>
            )
          }
        </Loaded>
      </Stack>
    </>
  );
}

function PageSkeleton() {
  return (
    <Stack gap="md">
      <FiguresSkeleton />
      <ChartSkeleton height={310} />
      <ChartSkeleton height={310} />
    </Stack>
  );
}

interface NoTrafficProps {
  gateway: string;
  from: string;
  wide: boolean;
  onWiden: () => void;
}

function NoTraffic({ gateway, from, wide, onWiden }: NoTrafficProps) {
  return (
    <EmptyState
      icon={<IconChartHistogram size={32} />}
      title="No requests in this time"
      action={
        <Group justify="center">
          <Button renderRoot={(props) => <Link to="/gateways/$gw/overview" params={{ gw: gateway }} {...props} />}>Send a first request</Button>
          {wide ? null : (
            <Button variant="default" onClick={onWiden}>
              Look at the last 90 days
            </Button>
          )}
        </Group>
      }
    >
      Since {dateTime(from)} nobody called this gateway. Each request shows here within five seconds: how many were answered, which failed and by whose fault, how long the
      edge and your backends took, and how much was sent.{' '}
      <Text span>
        <Anchor inherit underline="always" href="/docs/getting-started">
          The documentation
        </Anchor>{' '}
        has a first request to copy.
      </Text>
    </EmptyState>
  );
}
