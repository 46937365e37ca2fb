import { Badge, Button, Group, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import type { Schemas } from '@/api/client';
import { DataTable, type Column } from '@/ui/DataTable';
import { EmptyState } from '@/ui/EmptyState';
import { Loaded } from '@/ui/Loaded';
import { exactTime, leftOf } from '@/ui/format';
import { useRows } from '@/ui/useRows';
import { $api, api, here } from '../client';
import { To, useGo } from '../links';
import { Head, SignedIn } from '../states';

type Answered = Schemas['PortalRequest'];
type Outcome = 'refused' | 'failed' | 'ok';
interface Words {
  id?: string;
  outcome?: string;
}

export default function RequestsPage() {
  return <SignedIn title="Requests">{() => <Own />}</SignedIn>;
}

const outcomeOf = (word: string | undefined): Outcome | undefined => (word === 'refused' || word === 'failed' || word === 'ok' ? word : undefined);

function Own() {
  const { id, outcome: word } = useSearch({ strict: false }) as Words;
  const outcome = outcomeOf(word);
  const go = useGo();
  const rows = useRows<Answered>({
    key: ['get', '/v1/developer/{label}/requests', outcome],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/developer/{label}/requests', { params: { ...here, query: { limit: 50, cursor, outcome } }, signal });
      return data ?? { items: [] };
    },
    filtered: outcome !== undefined,
    refetchInterval: 5_000,
  });
  return (
    <>
      <Head title="Requests">Your latest requests. Each answer has the header X-Request-Id: with it, you see here why a request was refused.</Head>
      <Stack gap="xl">
        <Lookup key={id} id={id} />
        {id ? <Why id={id} /> : null}
        <DataTable
          caption="Your latest requests"
          rows={rows}
          rowKey={(r) => r.request_id}
          columns={columns}
          filters={
            <Select
              aria-label="Outcome"
              w={190}
              clearable
              clearButtonProps={{ 'aria-label': 'All outcomes' }}
              placeholder="All outcomes"
              data={[
                { value: 'refused', label: 'Refused' },
                { value: 'failed', label: 'Failed' },
                { value: 'ok', label: 'Fine' },
              ]}
              value={outcome ?? null}
              onChange={(value) => go('/requests', value ? { outcome: value } : {}, true)}
            />
          }
          empty={<EmptyState title="No request yet">Send one with your key, and it stands here within a few seconds.</EmptyState>}
        />
      </Stack>
    </>
  );
}

const columns: Column<Answered>[] = [
  { id: 'time', title: 'When', width: '12rem', cell: (r) => exactTime(r.time) },
  { id: 'what', title: 'Request', cell: (r) => <span className="tg-mono">{`${r.method} ${r.path}`}</span> },
  { id: 'status', title: 'Answer', width: '14rem', cell: (r) => <Answer request={r} /> },
  {
    id: 'why', title: 'Why', quiet: true, width: '7rem',
    cell: (r) => (
      <To page="/requests" search={{ id: r.request_id }} aria-label={`Why ${r.method} ${r.path} was answered ${r.status}`}>
        Why
      </To>
    ),
  },
];

function Answer({ request }: { request: Answered }) {
  return (
    <>
      <Badge variant="default" mr={6}>
        {request.status}
      </Badge>
      {request.title ?? ''}
    </>
  );
}

function Lookup({ id }: { id?: string }) {
  const [text, setText] = useState(id ?? '');
  const go = useGo();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        go('/requests', text.trim() ? { id: text.trim() } : {});
      }}
    >
      <Group align="flex-end" gap="xs">
        <TextInput style={{ flex: 1, maxWidth: '28rem' }} label="Why was my request refused?" description="Its id, from the header X-Request-Id of the answer" value={text} onChange={(event) => setText(event.currentTarget.value)} spellCheck={false} />
        <Button type="submit">Look it up</Button>
      </Group>
    </form>
  );
}

function Why({ id }: { id: string }) {
  const query = $api.useQuery('get', '/v1/developer/{label}/requests/{request_id}', { params: { path: { ...here.path, request_id: id } } });
  return (
    <Loaded query={query}>
      {(r) => (
        <section className="tg-panel" style={{ padding: 20 }} aria-label="Why">
          <Title order={2}>{r.title ?? (r.status < 400 ? 'It was answered' : 'The API itself answered so')}</Title>
          <Text mt={4} className="tg-mono">
            {`${r.method} ${r.path} → ${r.status}`}
          </Text>
          {r.detail ? <Text mt="sm">{r.detail}</Text> : null}
          {r.advice ? <Text mt="sm">{r.advice}</Text> : null}
          {(r.limits ?? []).map((l) => (
            <Text key={l.name} size="sm" mt={4}>
              {l.name}: {leftOf(l)}
            </Text>
          ))}
          <Text size="sm" c="dimmed" mt="sm">
            {exactTime(r.time)}, request <span className="tg-mono">{r.request_id}</span>
            {r.code ? (
              <>
                , code <span className="tg-mono">{r.code}</span>
              </>
            ) : null}
          </Text>
        </section>
      )}
    </Loaded>
  );
}
