import { VisuallyHidden } from '@mantine/core';
import { pointName } from './axis';
import type { TimeChartProps } from './TimeChart';

/** What a chart draws, as a table: newest first, every value exact. */
export function ChartTable({ title, points, series, interval, zone, format, onPick }: TimeChartProps) {
  return (
    <div className="tg-chart-table" role="region" aria-label={`${title}, as a table`} tabIndex={0}>
      <table>
        <VisuallyHidden component="caption">{title} over time, newest first</VisuallyHidden>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {series.map((s) => (
              <th key={s.id} scope="col">
                {s.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.toReversed().map((p) => (
            <tr key={p.time}>
              <th scope="row">
                {onPick && interval !== 'minute' ? (
                  <button type="button" onClick={() => onPick(p.time)}>
                    {pointName(p.time, interval, zone)}
                  </button>
                ) : (
                  pointName(p.time, interval, zone)
                )}
              </th>
              {series.map((s) => {
                const value = p.values[s.id] ?? null;
                return <td key={s.id}>{value === null ? '–' : format(value)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
