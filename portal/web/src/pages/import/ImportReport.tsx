import { Alert, Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { Schemas } from '@/api/client';
import { DataTable, EmptyState, type Column } from '@/ui';
import { Panel } from '@/ui/Panel';
import { StateDot, type DotState } from '@/ui/StateDot';

type Row = Schemas['ImportRow'];
type Level = Row['level'];

const levels: Record<Level, { label: string; state: DotState }> = {
  taken: { label: 'Taken over', state: 'good' },
  approximated: { label: 'Approximated', state: 'warn' },
  refused: { label: 'Refused', state: 'bad' },
};

const columns: Column<Row>[] = [
  { id: 'line', title: 'Line', width: '4.5rem', numeric: true, cell: (r) => r.line },
  {
    id: 'level',
    title: 'Outcome',
    width: '9rem',
    cell: (r) => (
      <Group gap={8} wrap="nowrap">
        <StateDot state={levels[r.level].state} />
        {levels[r.level].label}
      </Group>
    ),
  },
  {
    id: 'what',
    title: 'What',
    cell: (r) => (
      <Stack gap={2} py={4}>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {r.what}
        </Text>
        {r.why ? (
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {r.why}
          </Text>
        ) : null}
        {r.advice ? (
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            → {r.advice}
          </Text>
        ) : null}
      </Stack>
    ),
  },
];

export interface ImportReportProps {
  rows: Row[];
  blocked: boolean;
  applied: boolean;
}

/** What became of each part of a text, by its lines. */
export function ImportReport({ rows, blocked, applied }: ImportReportProps) {
  const [shown, setShown] = useState<'all' | Level>('all');
  const count = (level: Level) => rows.filter((r) => r.level === level).length;
  const items = shown === 'all' ? rows : rows.filter((r) => r.level === shown);
  return (
    <Panel
      title="What becomes of it"
      actions={
        <SegmentedControl
          aria-label="Rows shown"
          size="xs"
          value={shown}
          onChange={(v) => setShown(v as 'all' | Level)}
          data={[{ value: 'all', label: 'All' }, ...(Object.keys(levels) as Level[]).map((l) => ({ value: l, label: `${levels[l].label} ${count(l)}` }))]}
          style={{ flexWrap: 'wrap', maxWidth: '100%' }}
        />
      }
    >
      <Stack gap="sm">
        {blocked ? (
          <Alert color="red" variant="light" role="alert" title="It can’t be applied as it is">
            {count('refused')} {count('refused') === 1 ? 'part was' : 'parts were'} refused. Change the text, say what it leaves open by the options, or leave refused operations out.
          </Alert>
        ) : null}
        {applied ? (
          <Alert color="green" variant="light" role="status" title="Applied">
            The gateway has it; edges follow within a moment.
          </Alert>
        ) : null}
        <DataTable
          caption="Parts of the text and what becomes of them"
          rows={{ items, loading: false, fetching: false, more: false, loadMore: () => undefined, error: undefined, retry: () => undefined, filtered: false }}
          rowKey={(r) => `${r.line} ${r.level} ${r.pointer ?? ''} ${r.what} ${r.why ?? ''}`}
          columns={columns}
          empty={<EmptyState title="No such row">Choose another outcome above.</EmptyState>}
        />
      </Stack>
    </Panel>
  );
}
