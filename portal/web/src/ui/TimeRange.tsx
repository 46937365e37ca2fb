import { Button, Group, Popover, Select, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { presets, type RangeWords } from './range';

export interface TimeRangeProps {
  value: RangeWords;
  /** The preset that stands where the address names none. */
  fallback: string;
  onChange: (words: RangeWords) => void;
}

/** What a datetime-local field shows: local time to the minute. */
function local(time: string | undefined): string {
  if (!time || Number.isNaN(Date.parse(time))) return '';
  const d = new Date(time);
  return new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Chooses a span of time: a preset, or from and to. It lives in the address. */
export function TimeRange({ value, fallback, onChange }: TimeRangeProps) {
  const [opened, setOpened] = useState(false);
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const custom = value.from !== undefined;
  return (
    <Popover opened={opened} onChange={setOpened} width={300} position="bottom-end" shadow="md" trapFocus>
      <Popover.Target>
        <Select
          aria-label="Time range"
          w={190}
          allowDeselect={false}
          data={[...presets.map((p) => ({ value: p.value as string, label: p.label as string })), { value: 'custom', label: 'From … to …' }]}
          value={custom ? 'custom' : (value.range ?? fallback)}
          onOptionSubmit={(chosen) => {
            if (chosen !== 'custom') return onChange({ range: chosen, from: undefined, to: undefined });
            setFrom(local(value.from));
            setTo(local(value.to));
            setOpened(true);
          }}
        />
      </Popover.Target>
      <Popover.Dropdown>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            setOpened(false);
            onChange({ range: undefined, from: new Date(from).toISOString(), to: to ? new Date(to).toISOString() : undefined });
          }}
        >
          <Stack gap="sm">
            <TextInput type="datetime-local" label="From" required value={from} onChange={(e) => setFrom(e.currentTarget.value)} />
            <TextInput type="datetime-local" label="To" description="Empty for now" value={to} min={from} onChange={(e) => setTo(e.currentTarget.value)} />
            <Group justify="flex-end">
              <Button type="submit" disabled={!from}>
                Show
              </Button>
            </Group>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
