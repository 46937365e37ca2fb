import { TimeChart } from '@/ui/charts/TimeChart';
import type { Interval, Zone } from '@/ui/charts/axis';
import { count, milliseconds, short } from '@/ui/format';
import { axisBytes, exactBytes, exactMs } from './exact';
import { byteSeries, counts, errorSeries, latencies, latencySeries, requestSeries, type Measure, type UsageReport } from './series';

export interface ChartsProps {
  report: UsageReport;
  interval: Interval;
  zone: Zone;
  onPick: (time: number) => void;
}

/** Requests, errors, times and bytes over time: those of them that the question counts. */
export function Charts({ report, interval, zone, onPick }: ChartsProps) {
  const { points, measures } = report;
  const before = report.previous?.points;
  const compare = before !== undefined;
  const has = (m: Measure) => measures.includes(m);
  const common = { interval, zone, onPick };
  const numbers = { format: count, axis: short };
  return (
    <div className="tg-charts">
      <TimeChart title="Requests" {...common} {...numbers} points={counts(points, ['requests', 'status_2xx', 'status_3xx', 'status_4xx', 'status_5xx'], before)} series={requestSeries(measures, compare)} />
      {has('errors') ? (
        <TimeChart title="Errors" {...common} {...numbers} points={counts(points, ['errors', 'refused', 'upstream_errors'], before, 'errors')} series={errorSeries(measures, compare)} />
      ) : null}
      {has('upstream_ms') ? (
        <TimeChart
          title="Backends’ time"
          {...common}
          format={exactMs}
          axis={milliseconds}
          points={latencies(points, 'upstream_ms', before)}
          series={latencySeries(compare)}
        />
      ) : null}
      {has('edge_ms') ? (
        <TimeChart title="Edge’s own time" {...common} format={exactMs} axis={milliseconds} points={latencies(points, 'edge_ms', before)} series={latencySeries(compare)} />
      ) : null}
      {has('bytes_out') ? (
        <TimeChart title="Bytes" {...common} format={exactBytes} axis={axisBytes} points={counts(points, ['bytes_out', 'bytes_in'], before, 'bytes_out')} series={byteSeries(compare)} />
      ) : null}
    </div>
  );
}
