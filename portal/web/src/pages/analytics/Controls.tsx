import { Group, SegmentedControl, Select, Switch, Text } from '@mantine/core';
import { StateDot } from '@/ui';
import { zoneName, type Interval } from '@/ui/charts/axis';
import { fits, rangeIn, type View } from './view';

export interface ControlsProps {
  view: View;
  interval: Interval;
  onChange: (change: Partial<View>) => void;
}

const names: Record<Interval, string> = { minute: 'Minutes', hour: 'Hours', day: 'Days' };

/** How the time is cut and told, whether the period before stands beside it, and whether it moves on. */
export function Controls({ view, interval, onChange }: ControlsProps) {
  const range = rangeIn(view);
  const fixed = view.words.to !== undefined;
  return (
    <Group gap="md" align="center">
      <Select
        aria-label="Width of a point"
        w={190}
        allowDeselect={false}
        value={view.interval ?? 'auto'}
        data={[
          { value: 'auto', label: `Fitting: ${names[interval].toLowerCase()}` },
          ...(['minute', 'hour', 'day'] as const).map((i) => ({ value: i as string, label: names[i], disabled: !fits(i, range, view.compare) })),
        ]}
        onChange={(value) => onChange({ interval: value === 'auto' || value === null ? undefined : (value as Interval) })}
      />
      <SegmentedControl
        aria-label="Time zone"
        size="sm"
        value={view.zone}
        onChange={(zone) => onChange({ zone: zone === 'utc' ? 'utc' : 'local' })}
        data={[
          { value: 'local', label: 'Local time' },
          { value: 'utc', label: 'UTC' },
        ]}
      />
      <Switch label="Compare with the period before" checked={view.compare} onChange={(event) => onChange({ compare: event.currentTarget.checked })} />
      {fixed ? null : (
        <Switch
          label={
            <Group gap={6} wrap="nowrap">
              Live <StateDot state={view.live ? 'good' : 'idle'} />
            </Group>
          }
          checked={view.live}
          onChange={(event) => onChange({ live: event.currentTarget.checked })}
        />
      )}
      <Text size="sm" c="dimmed">
        {interval === 'day' ? 'Days begin at midnight UTC.' : `Times are ${zoneName(view.zone)}.`} The newest point is still filling.
      </Text>
    </Group>
  );
}
