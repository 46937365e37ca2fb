import { Stack } from '@mantine/core';
import { counts, errorSeries, requestSeries, type UsageReport } from '@/pages/analytics/series';
import { TimeChart } from '@/ui/charts/TimeChart';
import type { Interval } from '@/ui/charts/axis';
import { count, short } from '@/ui/format';

/** A developer's requests and errors over time. */
export default function UsageCharts({ report, interval }: { report: UsageReport; interval: Interval }) {
  const common = { interval, zone: 'local' as const, format: count, axis: short };
  return (
    <Stack gap="md">
      <TimeChart title="Requests" {...common} points={counts(report.points, ['requests', 'status_2xx', 'status_3xx', 'status_4xx', 'status_5xx'])} series={requestSeries(report.measures, false)} />
      <TimeChart title="Errors" {...common} points={counts(report.points, ['errors', 'refused', 'upstream_errors'])} series={errorSeries(report.measures, false)} />
    </Stack>
  );
}
