import { Badge, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { refresh } from '@/api/queries';
import { ConfirmDanger } from '@/ui/ConfirmDanger';
import { CopyOnce } from '@/ui/CopyOnce';
import { DataTable, type Column } from '@/ui/DataTable';
import { EmptyState } from '@/ui/EmptyState';
import { Loaded } from '@/ui/Loaded';
import { ProblemNote } from '@/ui/ProblemNote';
import { Time } from '@/ui/Time';
import { useApiForm } from '@/ui/useApiForm';
import type { Rows } from '@/ui/useRows';
import { $api, api, here, type Developer, type Key } from '../client';
import { PlanChoice } from '../PlanChoice';
import { Head, SignedIn } from '../states';

const path = '/v1/developer/{label}/keys';

export default function KeysPage() {
  return <SignedIn title="Keys">{(developer) => <Own developer={developer} />}</SignedIn>;
}

function Own({ developer }: { developer: Developer }) {
  const query = $api.useQuery('get', path, { params: here });
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<{ key?: string }>();
  const [asked, setAsked] = useState<{ what: 'rotate' | 'revoke'; key: Key }>();
  const ready = developer.usage_plan !== undefined;
  const create = ready ? <Button onClick={() => setMaking(true)}>New key</Button> : undefined;
  return (
    <>
      <Group justify="space-between" align="flex-start" mb="lg">
        <Head title="Keys">A key goes with each of your requests and says that they are yours.</Head>
        {create}
      </Group>
      <Stack gap="xl">
        {secret ? <CopyOnce what="key" secret={secret.key} lost="Make a new one and revoke this one." /> : null}
        {ready ? (
          <Loaded query={query}>
            {({ items }) => <KeyTable items={items} onAsk={setAsked} create={create} />}
          </Loaded>
        ) : (
          <EmptyState title="First a plan, then keys">Choose one of the plans below. Keys work as soon as you have one.</EmptyState>
        )}
        <PlanChoice developer={developer} />
      </Stack>
      <Modal opened={making} onClose={() => setMaking(false)} title="New key">
        {making ? <NewKey onClose={() => setMaking(false)} onMade={setSecret} /> : null}
      </Modal>
      <ConfirmDanger
        opened={asked?.what === 'rotate'}
        onClose={() => setAsked(undefined)}
        title={`Replace the key ${asked?.key.name ?? ''}?`}
        consequences={['You get a new key, shown once.', 'The old one goes on working for 24 hours, so that you can change your programs.']}
        action="Replace the key"
        onConfirm={async () => {
          if (!asked) return;
          const { data } = await api.POST('/v1/developer/{label}/keys/{key}/rotate', { params: { path: { ...here.path, key: asked.key.id } }, body: { overlap: '24h' } });
          setSecret({ key: data?.key });
          await refresh(path);
        }}
      />
      <ConfirmDanger
        opened={asked?.what === 'revoke'}
        onClose={() => setAsked(undefined)}
        title={`Revoke the key ${asked?.key.name ?? ''}?`}
        consequences={['Requests with it are refused within seconds, everywhere.', 'It can’t be taken back.']}
        action="Revoke the key"
        onConfirm={async () => {
          if (!asked) return;
          await api.POST('/v1/developer/{label}/keys/{key}/revoke', { params: { path: { ...here.path, key: asked.key.id } } });
          await refresh(path);
        }}
      />
    </>
  );
}

const states: Record<Key['state'], string> = { active: 'Active', pending: 'Not yet valid', expired: 'Expired', revoked: 'Revoked', deleted: 'Deleted' };

interface KeyTableProps {
  items: Key[];
  onAsk: (ask: { what: 'rotate' | 'revoke'; key: Key }) => void;
  create: ReactNode;
}

function KeyTable({ items, onAsk, create }: KeyTableProps) {
  const empty = (
    <EmptyState title="No key yet" action={create}>
      Make one for each program of yours, so that each can be replaced alone. It is shown once.
    </EmptyState>
  );
  const columns: Column<Key>[] = [
    { id: 'name', title: 'Name', cell: (key) => key.name || 'Without a name' },
    { id: 'prefix', title: 'Begins with', width: '14rem', cell: (key) => <span className="tg-mono">{key.prefix}…</span> },
    { id: 'state', title: 'State', width: '12rem', cell: (key) => <State value={key} /> },
    { id: 'made', title: 'Made', width: '9rem', cell: (key) => <Time at={key.created_at} /> },
    {
      id: 'change',
      title: 'Change',
      quiet: true,
      width: '13rem',
      cell: (key) =>
        key.state === 'active' ? (
          <Group gap={6} wrap="nowrap">
            <Button size="compact-sm" variant="default" disabled={key.rotated_to !== undefined} onClick={() => onAsk({ what: 'rotate', key })} aria-label={`Replace the key ${key.name}`}>
              Replace
            </Button>
            <Button size="compact-sm" variant="default" c="var(--tg-bad)" onClick={() => onAsk({ what: 'revoke', key })} aria-label={`Revoke the key ${key.name}`}>
              Revoke
            </Button>
          </Group>
        ) : null,
    },
  ];
  return <DataTable caption="Your keys" rows={allOf(items)} columns={columns} rowKey={(key) => key.id} empty={empty} />;
}

/** Rows of a list that is read at once. */
const allOf = (items: Key[]): Rows<Key> => ({
  items, loading: false, fetching: false, more: false, loadMore: () => undefined, error: undefined, retry: () => undefined, filtered: false,
});

function State({ value: key }: { value: Key }) {
  return (
    <Group gap="xs">
      <Badge variant={key.state === 'active' ? 'light' : 'default'} tt="none">
        {states[key.state]}
      </Badge>
      {key.state === 'active' && key.expires_at ? (
        <Text span size="xs" c="dimmed">
          until <Time at={key.expires_at} />
        </Text>
      ) : null}
    </Group>
  );
}

function NewKey({ onClose, onMade }: { onClose: () => void; onMade: (secret: { key?: string }) => void }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '' },
    save: async (body) => {
      const { data } = await api.POST(path, { params: here, body });
      await refresh(path);
      onMade({ key: data?.key });
      onClose();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput label="Name" description="What it is for, such as the program that uses it" data-autofocus {...form.getInputProps('name')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Button type="submit" loading={busy}>
          Make the key
        </Button>
      </Stack>
    </form>
  );
}
