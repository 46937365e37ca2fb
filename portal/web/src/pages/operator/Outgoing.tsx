import { Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { DataTable, done, Time, useRows, type Column, type Rows } from '@/ui';
import { count, exactMoney } from '@/ui/format';
import { AskReason } from './AskReason';

export type Entry = Schemas['OperatorOutgoing'];

/** What is to go to Stripe: of one organization, or of all. It is read again by itself. */
export function useOutgoing(organization?: string): Rows<Entry> {
  return useRows<Entry>({
    key: ['get', '/v1/operator/outgoing', { organization }],
    read: async (cursor, signal) => (await api.GET('/v1/operator/outgoing', { params: { query: { organization, limit: 100, cursor } }, signal })).data ?? { items: [] },
    refetchInterval: 5000,
  });
}

/** "Credit of $5.00": what it is, in a few words. */
function what(e: Entry): string {
  const money = e.cents === undefined ? '' : exactMoney(e.cents, e.currency ?? 'usd');
  switch (e.kind) {
    case 'credit':
      return `Credit of ${money}`;
    case 'line':
      return `Late line of ${money}`;
    case 'usage':
      return 'Usage';
    case 'parked':
      return 'Usage that Stripe refuses';
    case 'customer':
      return 'Customer to fetch';
  }
}

function next(e: Entry): ReactNode {
  if (e.sending) return 'At this moment';
  if (!e.next_at) return 'When it is a customer of Stripe';
  return Date.parse(e.next_at) <= Date.now() ? 'Now' : <Time at={e.next_at} />;
}

function columns(ofAll: boolean, ask: (asked: Asked) => void): Column<Entry>[] {
  return [
    {
      id: 'what',
      title: 'What',
      cell: (e) => (
        <Stack gap={0}>
          <span>{what(e)}</span>
          {ofAll ? (
            <Anchor component={Link} to={`/operator/organizations/${e.organization}`} size="sm" underline="always" fw={400} style={{ overflowWrap: 'anywhere' }}>
              {e.name}
            </Anchor>
          ) : null}
          <Text size="sm" c="dimmed" fw={400} style={{ overflowWrap: 'anywhere' }}>
            {e.text}
            {e.actor ? ` (${e.actor})` : ''}
          </Text>
        </Stack>
      ),
    },
    {
      id: 'error',
      title: 'Last error',
      width: '34%',
      cell: (e) => <Text inherit c={e.last_error ? undefined : 'dimmed'} style={{ overflowWrap: 'anywhere', whiteSpace: 'normal' }}>{e.last_error ?? (e.tries > 0 ? 'Not known' : 'Not tried yet')}</Text>,
    },
    { id: 'tries', title: 'Tries', width: '5rem', numeric: true, cell: (e) => (e.kind === 'parked' ? '–' : count(e.tries)) },
    { id: 'next', title: 'Next try', width: '9rem', cell: next },
    {
      id: 'actions',
      title: 'Actions',
      quiet: true,
      width: '9.5rem',
      cell: (e) => (
        <Group gap="xs" wrap="nowrap">
          {e.next_at && !e.sending ? (
            <Button variant="default" size="compact-sm" onClick={() => ask({ entry: e, drop: false })} aria-label={`Retry: ${what(e)} of ${e.name}`}>
              Retry
            </Button>
          ) : null}
          {e.droppable && !e.sending ? (
            <Button variant="default" size="compact-sm" c="var(--tg-bad)" onClick={() => ask({ entry: e, drop: true })} aria-label={`Drop: ${what(e)} of ${e.name}`}>
              Drop
            </Button>
          ) : null}
        </Group>
      ),
    },
  ];
}

interface Asked {
  entry: Entry;
  drop: boolean;
}

/** What dropping means, by what it is. */
const dropped = (e: Entry): string[] => [
  e.kind === 'credit' ? `${e.name} never gets it.` : `${e.name} never pays it, and the reconciliation of its period says that you let it go.`,
  'Stripe is asked first. What it has after all stays.',
];

/** The table of what is to go to Stripe, with what an operator can do about it. */
export function Outgoing({ rows, ofAll = false, empty }: { rows: Rows<Entry>; ofAll?: boolean; empty: ReactNode }) {
  const [asked, setAsked] = useState<Asked>();
  const [opened, setOpened] = useState(false);
  const e = asked?.entry;
  const ask = (to: Asked) => {
    setAsked(to);
    setOpened(true);
  };
  const title = e ? `${what(e).charAt(0).toLowerCase()}${what(e).slice(1)}` : '';
  return (
    <>
      <DataTable caption="What is to go to Stripe" rows={rows} columns={columns(ofAll, ask)} rowKey={(row) => row.id} empty={empty} />
      <AskReason
        opened={opened}
        onClose={() => setOpened(false)}
        title={asked?.drop ? `Drop the ${title}?` : `Retry the ${title} now?`}
        consequences={e && asked.drop ? dropped(e) : ['A worker takes it within seconds.', 'If it fails again, it is tried again by itself.']}
        action={asked?.drop ? 'Drop' : 'Retry'}
        danger={asked?.drop}
        readers="Every member of the organization can read it."
        save={async ({ reason }) => {
          if (!asked) return;
          const call = { params: { path: { outgoing: asked.entry.id } }, body: { reason } };
          try {
            await (asked.drop ? api.POST('/v1/operator/outgoing/{outgoing}/drop', call) : api.POST('/v1/operator/outgoing/{outgoing}/retry', call));
          } finally {
            await refresh('/v1/operator'); // a refusal may have found out that Stripe has it
          }
          done(asked.drop ? 'It is dropped.' : 'It is tried now.');
        }}
      />
    </>
  );
}
