import { Anchor, Group, Select, Tabs, Text, Title, Tooltip } from '@mantine/core';
import { api } from '@/api/client';
import type { Schemas } from '@/api/client';
import { DataTable, EmptyState, useRows, type Column } from '@/ui';
import { bytes, count } from '@/ui/format';
import { exactMs } from './exact';
import { splitNames } from './FilterBar';
import { asReport, change, type Measure } from './series';
import { conflict, intervalIn, questionOf, rangeIn, refreshMs, sorts, splits, type Sort, type Split, type View } from './view';

type GroupSeries = Schemas['UsageReport']['series'][number];
type Row = GroupSeries & { measures: Schemas['UsageReport']['measures']; of: number };

const sortNames: Record<Sort, string> = {
  requests: 'Most requests', errors: 'Most errors', refused: 'Most errors by the edge', upstream_errors: 'Most errors by backends', billed: 'Most billed',
  bytes_in: 'Most bytes received', bytes_out: 'Most bytes sent',
};

const nobody: Record<Split, string> = {
  route: 'No route matched', consumer: 'Without a consumer', key: 'Without a key', target: 'Answered by the edge', status: 'Not told apart', code: 'Not told apart',
};

export interface TopListProps {
  gateway: string;
  view: View;
  onChange: (change: Partial<View>) => void;
  onPick: (by: Split, value: string) => void;
}

/** The largest groups of the view, page by page; picking one narrows the whole page to it. */
export function TopList({ gateway, view, onChange, onPick }: TopListProps) {
  const { by, sort } = view;
  const rows = useGroups(gateway, view);
  return (
    <section className="tg-panel" style={{ padding: '14px 16px' }} aria-label="Largest">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h3">
          Who and what
        </Title>
        <Select
          aria-label="Order"
          w={220}
          allowDeselect={false}
          data={sorts.map((s) => ({ value: s as string, label: sortNames[s] }))}
          value={sort}
          onChange={(value) => onChange({ sort: (value ?? 'requests') as Sort })}
        />
      </Group>
      <Tabs value={by} onChange={(value) => onChange({ by: (value ?? 'route') as Split })} keepMounted={false}>
        <Tabs.List mb="sm" style={{ flexWrap: 'wrap' }}>
          {splits.map((s) => {
            const why = conflict(s, view.filters);
            return (
              <Tooltip key={s} label={why ? `Not with these filters: ${why}` : ''} disabled={!why}>
                <Tabs.Tab value={s} disabled={why !== undefined}>
                  {splitNames[s]}
                </Tabs.Tab>
              </Tooltip>
            );
          })}
        </Tabs.List>
        {splits.map((s) => (
          <Tabs.Panel key={s} value={s} aria-label={splitNames[s]}>
            {s === by ? (
              <DataTable
                caption={`${splitNames[by]}: ${sortNames[sort].toLowerCase()} first`}
                rows={rows}
                rowKey={(row) => row.id ?? 'none'}
                columns={columns(by, rows.items[0]?.measures ?? ['requests'], view.compare, onPick)}
                empty={
                  <EmptyState title="Nothing was counted here">
                    {by === 'code' ? 'No request of this time was refused, and no backend failed.' : 'No request of this time fits the filters. Take one away, or choose a longer time.'}
                  </EmptyState>
                }
              />
            ) : null}
          </Tabs.Panel>
        ))}
      </Tabs>
    </section>
  );
}

function useGroups(gateway: string, view: View) {
  const range = rangeIn(view);
  const question = { ...questionOf(view, range), group_by: view.by, sort: view.sort, limit: 20, points: false };
  return useRows<Row>({
    key: ['get', '/v1/gateways/{gateway}/usage', gateway, question],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/usage', { params: { path: { gateway }, query: { ...question, cursor } }, signal });
      if (data === undefined) return { items: [] };
      const { series, measures, total, next_cursor } = asReport(data);
      return { items: series.map((s) => ({ ...s, measures, of: total.requests })), next_cursor };
    },
    filtered: Object.keys(view.filters).length > 0,
    refetchInterval: refreshMs(view, intervalIn(view, range)),
  });
}

const label = (by: Split, row: Row): string => {
  if (!row.id) return nobody[by];
  if (by === 'code' && row.id.startsWith('backend_')) return row.id === 'backend_4xx' ? 'Backends answered 4xx' : 'Backends answered 5xx';
  return row.name || row.id;
};

/** What the filter takes: the name where it is one, else the id. */
function wordOf(by: Split, row: Row): string | undefined {
  if (!row.id || row.id.startsWith('backend_')) return undefined;
  return by === 'route' || by === 'consumer' ? row.name || undefined : row.id;
}

function columns(by: Split, measures: readonly Measure[], compare: boolean, onPick: TopListProps['onPick']): Column<Row>[] {
  const has = (m: Measure) => measures.includes(m);
  const all: (Column<Row> | false)[] = [
    { id: 'name', title: splitNames[by], cell: (row) => <Name by={by} row={row} onPick={onPick} /> },
    { id: 'requests', title: 'Requests', numeric: true, width: '8.5rem', cell: (row) => <Share row={row} /> },
    compare && { id: 'change', title: 'Against before', numeric: true, width: '8rem', cell: (row) => (row.previous ? change(row.total.requests, row.previous.requests) : '–') },
    has('refused') && { id: 'refused', title: 'Errors, edge', numeric: true, width: '7rem', cell: (row) => count(row.total.refused) },
    has('upstream_errors') && { id: 'upstream', title: 'Errors, backends', numeric: true, width: '8.5rem', cell: (row) => count(row.total.upstream_errors) },
    has('errors') && !has('refused') && !has('upstream_errors') && { id: 'errors', title: 'Errors', numeric: true, width: '7rem', cell: (row) => count(row.total.errors) },
    has('upstream_ms') && by !== 'consumer' && by !== 'key' && { id: 'p95', title: 'Backends, p95', numeric: true, width: '8rem', cell: (row) => (row.total.upstream_ms ? exactMs(row.total.upstream_ms.p95) : '–') },
    has('bytes_out') && { id: 'bytes', title: 'Sent', numeric: true, width: '6.5rem', cell: (row) => <span title={`${count(row.total.bytes_out)} bytes`}>{bytes(row.total.bytes_out)}</span> },
  ];
  return all.filter((c) => c !== false);
}

function Name({ by, row, onPick }: { by: Split; row: Row; onPick: TopListProps['onPick'] }) {
  const word = wordOf(by, row);
  const text = label(by, row);
  return (
    <>
      {word ? (
        <Anchor component="button" type="button" inherit ta="left" style={{ overflowWrap: 'anywhere' }} onClick={() => onPick(by, word)}>
          {text}
        </Anchor>
      ) : (
        text
      )}
      {by === 'target' && row.upstream ? (
        <Text span size="xs" c="dimmed" ml={6}>
          upstream {row.upstream}
        </Text>
      ) : null}
      {(by === 'code' || by === 'key') && row.name && row.id ? (
        <Text span size="xs" c="dimmed" ml={6} className="tg-mono">
          {row.id}
        </Text>
      ) : null}
    </>
  );
}

/** The count, with a bar as long as its part of all. */
function Share({ row }: { row: Row }) {
  const part = row.of > 0 ? row.total.requests / row.of : 0;
  return (
    <div>
      {count(row.total.requests)}
      <svg width="100%" height={3} aria-hidden focusable="false" style={{ display: 'block' }}>
        <rect x={`${(1 - part) * 100}%`} width={`${part * 100}%`} height={3} rx={1.5} fill="var(--tg-c1)" />
      </svg>
    </div>
  );
}
