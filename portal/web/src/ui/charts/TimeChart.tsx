import { Button, Text, Title } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Bar, BarChart, CartesianGrid, ComposedChart, Line, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { pointName, tickOf, type Interval, type Zone } from './axis';
import './charts.css';
import { ChartTable } from './ChartTable';
import { Legend } from './Legend';

/** One moment of a chart: its beginning, and a value for each series; null where nothing was measured. */
export interface ChartPoint {
  time: number;
  values: Record<string, number | null>;
}

/** How a series is drawn. */
export interface ChartSeries {
  id: string;
  label: string;
  /** A CSS colour: `var(--tg-c1)`. */
  color: string;
  /** Bars stand on each other; lines do not. */
  kind: 'bar' | 'line';
  /** SVG dash pattern of a line. */
  dash?: string;
}

export interface TimeChartProps {
  title: string;
  /** One sentence about what the figures mean. */
  note?: ReactNode;
  points: ChartPoint[];
  series: ChartSeries[];
  interval: Interval;
  zone: Zone;
  /** A value in words, exactly as the table shows it. */
  format: (value: number) => string;
  /** Short form for the axis. */
  axis: (value: number) => string;
  height?: number;
  /** A click on a point looks closer; without it nothing happens. */
  onPick?: (time: number) => void;
}

/**
 * Values over time: a drawing with a legend that hides series, and the same as a
 * table. Arrow keys move along a focused drawing.
 */
export function TimeChart(props: TimeChartProps) {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [table, setTable] = useState(false);
  const shown = props.series.filter((s) => !hidden.has(s.id));
  const toggle = (id: string) =>
    setHidden((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <section className="tg-panel tg-chart" aria-label={props.title}>
      <div className="tg-chart-head">
        <Title order={2} size="h3">
          {props.title}
        </Title>
        <Button variant="subtle" size="compact-xs" aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? 'Show as chart' : 'Show as table'}
        </Button>
      </div>
      {props.note ? (
        <Text size="xs" c="dimmed" mb={6}>
          {props.note}
        </Text>
      ) : null}
      {table ? <ChartTable {...props} /> : <Drawing {...props} series={shown} />}
      {table ? null : <Legend series={props.series} hidden={hidden} onToggle={toggle} />}
    </section>
  );
}

const margin = { top: 6, right: 8, bottom: 0, left: 0 };

function Drawing({ title, points, series, interval, zone, format, axis, height = 220, onPick }: TimeChartProps) {
  const span = (points.at(-1)?.time ?? 0) - (points[0]?.time ?? 0);
  const bars = series.some((s) => s.kind === 'bar');
  const Chart = series.every((s) => s.kind === 'bar') ? BarChart : ComposedChart;
  const data = points.map((p) => ({ time: p.time, ...p.values }));
  const pick = (label: unknown) => {
    const time = Number(label);
    if (onPick && Number.isFinite(time) && time > 0) onPick(time);
  };
  return (
    <div className={onPick && interval !== 'minute' ? 'tg-chart-pick' : undefined} style={{ height }}>
      <ResponsiveContainer width="100%" height={height} initialDimension={{ width: 600, height }}>
        <Chart data={data} margin={margin} title={`${title} over time; arrow keys move along it`} onClick={(state) => pick(state.activeLabel)} barCategoryGap={points.length > 80 ? 0.5 : '12%'}>
          <CartesianGrid vertical={false} />
          <XAxis
            dataKey="time"
            tickFormatter={(time: number) => tickOf(time, interval, span, zone)}
            minTickGap={28}
            tickLine={false}
            axisLine={{ stroke: 'var(--tg-line)' }}
            scale={bars ? 'band' : 'auto'}
          />
          <YAxis tickFormatter={axis} width={56} tickLine={false} axisLine={false} allowDecimals={false} />
          <Tooltip
            isAnimationActive={false}
            cursor={bars ? { fill: 'var(--tg-hover)' } : { stroke: 'var(--mantine-color-dimmed)' }}
            content={({ active, label }) => (active ? <Tip time={Number(label)} {...{ points, series, interval, zone, format }} /> : null)}
          />
          {series.map((s) =>
            s.kind === 'bar' ? (
              <Bar key={s.id} dataKey={s.id} stackId="all" fill={s.color} isAnimationActive={false} minPointSize={0} />
            ) : (
              <Line
                key={s.id}
                dataKey={s.id}
                stroke={s.color}
                strokeWidth={2}
                strokeDasharray={s.dash}
                dot={points.length <= 40 ? { r: 2, strokeDasharray: '' } : lonely(points, s.id)}
                isAnimationActive={false}
                type="linear"
              />
            ),
          )}
        </Chart>
      </ResponsiveContainer>
    </div>
  );
}

/** A value with nothing on either side draws no line: it gets a dot. */
function lonely(points: ChartPoint[], id: string) {
  return function Dot({ cx, cy, index, stroke }: { cx?: number; cy?: number; index?: number; stroke?: string }) {
    const at = (i: number) => points[i]?.values[id] ?? null;
    const i = index ?? -1;
    if (at(i) === null || at(i - 1) !== null || at(i + 1) !== null) return <g key={i} />;
    return <circle key={i} cx={cx} cy={cy} r={2.5} fill={stroke} />;
  };
}

type TipProps = Pick<TimeChartProps, 'points' | 'series' | 'interval' | 'zone' | 'format'> & { time: number };

function Tip({ time, points, series, interval, zone, format }: TipProps) {
  const point = points.find((p) => p.time === time);
  if (!point) return null;
  return (
    <div className="tg-chart-tip">
      <strong>{pointName(time, interval, zone)}</strong>
      <table>
        <tbody>
          {series.map((s) => {
            const value = point.values[s.id] ?? null;
            return (
              <tr key={s.id}>
                <td>{s.label}</td>
                <td>{value === null ? '–' : format(value)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
