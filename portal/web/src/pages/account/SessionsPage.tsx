import { Badge, Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { ConfirmDanger, DataTable, done, EmptyState, failed, PageHeader, Time, useRows, type Column } from '@/ui';
import { date } from '@/ui/format';

type Session = Schemas['Session'];

async function end(session: Session) {
  try {
    await api.DELETE('/v1/sessions/{session}', { params: { path: { session: session.id } } });
    await refresh('/v1/sessions');
    done('The session has ended.');
  } catch (error) {
    failed(error);
  }
}

const columns: Column<Session>[] = [
  {
    id: 'device',
    title: 'Device',
    cell: (s) => (
      <Group gap="xs">
        <span>{s.device}</span>
        {s.current ? (
          <Badge variant="light" color="green" tt="none">
            This one
          </Badge>
        ) : null}
      </Group>
    ),
  },
  { id: 'client', title: 'Address', width: '11rem', cell: (s) => <span className="tg-mono">{s.last_client}</span> },
  { id: 'seen', title: 'Last seen', width: '9rem', cell: (s) => <Time at={s.updated_at} /> },
  { id: 'since', title: 'Signed in', width: '9rem', cell: (s) => <Time at={s.created_at} /> },
  { id: 'until', title: 'Good until', width: '8rem', cell: (s) => date(s.expires_at) },
  {
    id: 'actions',
    title: 'Actions',
    quiet: true,
    width: '6rem',
    cell: (s) =>
      s.current ? null : (
        <Button variant="default" size="compact-sm" onClick={() => void end(s)} aria-label={`End the session of ${s.device}`}>
          End
        </Button>
      ),
  },
];

export default function SessionsPage() {
  const [asking, setAsking] = useState(false);
  const rows = useRows<Session>({
    key: ['get', '/v1/sessions'],
    read: async (cursor, signal) => (await api.GET('/v1/sessions', { params: { query: { limit: 100, cursor } }, signal })).data ?? { items: [] },
  });
  const others = rows.items.filter((s) => !s.current).length;
  return (
    <>
      <PageHeader
        title="Sessions"
        description="Where you are signed in. End what you do not know, then change your password."
        actions={
          others > 0 ? (
            <Button variant="default" c="var(--tg-bad)" onClick={() => setAsking(true)}>
              End all others
            </Button>
          ) : null
        }
      />
      <DataTable
        caption="Your sessions"
        rows={rows}
        columns={columns}
        rowKey={(s) => s.id}
        empty={<EmptyState title="No sessions">You are signed in nowhere.</EmptyState>}
      />
      <ConfirmDanger
        opened={asking}
        onClose={() => setAsking(false)}
        title="End all other sessions?"
        consequences={[<Text key="1">{others === 1 ? 'One session ends' : `${others} sessions end`} at once. This one stays.</Text>]}
        action="End them"
        onConfirm={async () => {
          await api.DELETE('/v1/sessions');
          await refresh('/v1/sessions');
          done('Only this session is left.');
        }}
      />
    </>
  );
}
