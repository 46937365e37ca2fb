import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { TimeChart } from '@/ui/charts/TimeChart';
import { count, short } from '@/ui/format';
import { barsOf, type Hour } from './days';

export interface PeriodChartProps {
  title: string;
  hours: readonly Hour[];
  from: string;
  to: string;
  /** The plans' titles by their names. */
  titles: Record<string, string>;
  height?: number;
}

/** What was billed over a period, by day or hour, as the ledger has it. */
export function PeriodChart({ title, hours, from, to, titles, height }: PeriodChartProps) {
  const days = (Math.min(Date.parse(to), Date.now()) - Date.parse(from)) / 86_400_000;
  const [interval, setInterval] = useState<'hour' | 'day'>(days <= 3 ? 'hour' : 'day');
  const { points, series } = barsOf(hours, from, to, interval, titles);
  return (
    <>
      <SegmentedControl
        size="xs"
        mb="xs"
        aria-label="Width of the bars"
        value={interval}
        onChange={(value) => setInterval(value === 'hour' ? 'hour' : 'day')}
        data={[{ value: 'day', label: 'By day' }, { value: 'hour', label: 'By hour' }]}
      />
      <TimeChart title={title} points={points} series={series} interval={interval} zone="utc" format={count} axis={short} height={height} />
    </>
  );
}
