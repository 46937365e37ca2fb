import { Anchor, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { FormEvent } from 'react';
import { IconHistory } from '@tabler/icons-react';
import { api, type Schemas } from '@/api/client';
import { actionText } from '@/pages/organization/auditWords';
import { DataTable, EmptyState, Time, useRows, useSearchParams, type Column } from '@/ui';
import { Console } from './Console';

type Entry = Schemas['OperatorAuditEntry'];

/** The organization that a line is about, whatever of it was changed. */
const organizationOf = (e: Entry): string | undefined => (e.resource.type === 'organization' ? e.resource.id : e.organization);

const columns: Column<Entry>[] = [
  {
    id: 'what',
    title: 'What',
    cell: (e) => (
      <Stack gap={0}>
        <span>{actionText(e.action)}</span>
        {organizationOf(e) ? (
          <Anchor component={Link} to={`/operator/organizations/${organizationOf(e)}`} size="sm" underline="always" fw={400}>
            {e.resource.name || e.resource.id}
          </Anchor>
        ) : (
          <Text size="sm" c="dimmed" fw={400}>
            {e.resource.name || e.resource.id}
          </Text>
        )}
      </Stack>
    ),
  },
  { id: 'why', title: 'Reason', cell: (e) => <Text inherit style={{ overflowWrap: 'anywhere' }}>{e.reason ?? '–'}</Text> },
  { id: 'who', title: 'Operator', width: '15rem', cell: (e) => <span style={{ overflowWrap: 'anywhere' }}>{e.operator.email}</span> },
  { id: 'where', title: 'From', width: '9rem', cell: (e) => <span className="tg-mono">{e.operator.client || '–'}</span> },
  { id: 'when', title: 'When', width: '9rem', cell: (e) => <Time at={e.created_at} /> },
];

export default function OperatorAuditPage() {
  const [search, setSearch] = useSearchParams();
  const query = { organization: search.organization, operator: search.operator };
  const rows = useRows<Entry>({
    key: ['get', '/v1/operator/audit', query],
    read: async (cursor, signal) => (await api.GET('/v1/operator/audit', { params: { query: { ...query, limit: 100, cursor } }, signal })).data ?? { items: [] },
    filtered: Boolean(search.organization ?? search.operator),
  });
  const filter = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const word = (name: string) => String(given.get(name) ?? '').trim() || undefined;
    setSearch({ operator: word('operator'), organization: word('organization') });
  };
  return (
    <Console title="Audit of operators" description="What operators did, and why. Nobody can change or delete a line, not even in the database.">
      <DataTable
        caption="Audit of operators, the newest first"
        rows={rows}
        columns={columns}
        rowKey={(e) => e.id}
        filters={
          <form onSubmit={filter} role="search">
            <Group gap="sm">
              <TextInput name="operator" aria-label="Operator" placeholder="An operator’s address" w="15rem" defaultValue={search.operator} />
              <TextInput name="organization" aria-label="Organization" placeholder="An organization’s id" w="15rem" defaultValue={search.organization} />
              <Button type="submit" variant="default">
                Filter
              </Button>
            </Group>
          </form>
        }
        empty={
          <EmptyState title="No operator has done anything yet" icon={<IconHistory size={32} />}>
            Suspensions, plans, notes, drains and looks at organizations stand here, each with who did it and why.
          </EmptyState>
        }
      />
    </Console>
  );
}
