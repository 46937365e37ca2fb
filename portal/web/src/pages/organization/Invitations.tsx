import { Badge, Button, Group } from '@mantine/core';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { DataTable, done, EmptyState, failed, Time, useRows, type Column } from '@/ui';
import { Panel } from '@/ui/Panel';
import { roleWords } from './permissions';

type Invitation = Schemas['Invitation'];

async function act(what: () => Promise<unknown>, words: string) {
  try {
    await what();
    await refresh('/v1/invitations');
    done(words);
  } catch (error) {
    failed(error);
  }
}

const again = (i: Invitation) =>
  act(() => api.POST('/v1/invitations/{invitation}/resend', { params: { path: { invitation: i.id } } }), `${i.email} gets a new mail; the older link no longer works.`);
const withdraw = (i: Invitation) =>
  act(() => api.DELETE('/v1/invitations/{invitation}', { params: { path: { invitation: i.id } } }), `The invitation of ${i.email} no longer works.`);

function columnsOf(may: boolean): Column<Invitation>[] {
  return [
    { id: 'email', title: 'Address', cell: (i) => i.email },
    { id: 'role', title: 'Role', width: '9rem', cell: (i) => roleWords[i.role].title },
    {
      id: 'until',
      title: 'Good until',
      width: '10rem',
      cell: (i) =>
        Date.parse(i.expires_at) < Date.now() ? (
          <Badge variant="light" color="amber" tt="none">
            Expired
          </Badge>
        ) : (
          <Time at={i.expires_at} />
        ),
    },
    { id: 'sent', title: 'Sent', width: '9rem', cell: (i) => <Time at={i.updated_at} /> },
    {
      id: 'actions',
      title: 'Actions',
      quiet: true,
      width: '13rem',
      cell: (i) =>
        may ? (
          <Group gap="xs" wrap="nowrap">
            <Button variant="default" size="compact-sm" onClick={() => void again(i)} aria-label={`Send again: the invitation of ${i.email}`}>
              Send again
            </Button>
            <Button variant="default" size="compact-sm" onClick={() => void withdraw(i)} aria-label={`Take back the invitation of ${i.email}`}>
              Take back
            </Button>
          </Group>
        ) : null,
    },
  ];
}

/** Invitations that nobody has accepted yet. */
export function Invitations({ may }: { may: boolean }) {
  const rows = useRows<Invitation>({
    key: ['get', '/v1/invitations'],
    read: async (cursor, signal) => (await api.GET('/v1/invitations', { params: { query: { limit: 100, cursor } }, signal })).data ?? { items: [] },
  });
  return (
    <Panel title="Open invitations">
      <DataTable
        caption="Open invitations"
        awaited={1}
        rows={rows}
        columns={columnsOf(may)}
        rowKey={(i) => i.id}
        empty={<EmptyState title="Nobody is invited at the moment">An invitation is a mail with a link that is good for 7 days and works once.</EmptyState>}
      />
    </Panel>
  );
}
