import { Alert, Stack, Text } from '@mantine/core';
import { $api, type Schemas } from '@/api/client';
import { DataTable, Loaded, Time, type Column } from '@/ui';
import { count } from '@/ui/format';
import { Console } from './Console';
import { allOf, queueText } from './words';

type Queue = Schemas['OperatorQueue'];

const columns: Column<Queue>[] = [
  {
    id: 'name',
    title: 'Queue',
    cell: (q) => (
      <Stack gap={0}>
        <span>{queueText(q.name)}</span>
        <Text size="xs" c="dimmed" fw={400}>
          {q.note.charAt(0).toUpperCase() + q.note.slice(1)}
        </Text>
      </Stack>
    ),
  },
  { id: 'depth', title: 'Waiting', width: '7rem', numeric: true, cell: (q) => count(q.depth) },
  { id: 'failed', title: 'Of those, tried', width: '9rem', numeric: true, cell: (q) => count(q.failed) },
  { id: 'oldest', title: 'The oldest waits since', width: '13rem', cell: (q) => (q.oldest_at ? <Time at={q.oldest_at} /> : <Text inherit c="dimmed">Nothing waits</Text>) },
];

export default function QueuesPage() {
  const query = $api.useQuery('get', '/v1/operator/queues', undefined, { refetchInterval: 5000 });
  return (
    <Console title="Queues" description="What waits, how much of it, and since when. A queue that only grows says which part has stopped.">
      <Loaded query={query}>
        {(list) => (
          <>
            {list.unreachable.length > 0 ? (
              <Alert color="amber" variant="light" mb="md" title="Not everything could be asked">
                <Text size="sm">{list.unreachable.join(', ')} can’t be reached at the moment: its streams are missing below.</Text>
              </Alert>
            ) : null}
            <DataTable caption="Queues" rows={allOf(list.items)} columns={columns} rowKey={(q) => q.name} empty={null} />
          </>
        )}
      </Loaded>
    </Console>
  );
}
