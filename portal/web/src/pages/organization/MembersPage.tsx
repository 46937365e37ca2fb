import { Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import type { Role } from '@/api/grants';
import { refresh } from '@/api/queries';
import { useMay, useMe, useMembership } from '@/api/session';
import { ConfirmDanger, DataTable, done, EmptyState, PageHeader, Time, useRows, type Column } from '@/ui';
import { Panel } from '@/ui/Panel';
import { Invitations } from './Invitations';
import { InviteForm } from './InviteForm';
import { roleWords } from './permissions';
import { RoleSelect } from './RoleSelect';
import { RoleTable } from './RoleTable';

type Member = Schemas['Member'];

/** What is about to be done to a member. */
interface Asked {
  member: Member;
  /** The new role; without one the member is removed. */
  role?: Role;
}

export default function MembersPage() {
  const [inviting, invite] = useDisclosure(false);
  const [asked, setAsked] = useState<Asked>();
  const may = useMay('members:write');
  const me = useMe()?.user.id;
  const own = useMembership()?.role;
  const rows = useRows<Member>({
    key: ['get', '/v1/members'],
    read: async (cursor, signal) => (await api.GET('/v1/members', { params: { query: { limit: 100, cursor } }, signal })).data ?? { items: [] },
  });
  const columns: Column<Member>[] = [
    { id: 'who', title: 'Member', cell: (m) => <Who member={m} self={m.user_id === me} /> },
    {
      id: 'role',
      title: 'Role',
      width: '11rem',
      cell: (m) =>
        may && (own === 'owner' || m.role !== 'owner') ? (
          <RoleSelect
            aria-label={`Role of ${m.email}`}
            size="xs"
            onlyBelowOwner={own !== 'owner'}
            value={m.role}
            onChange={(role) => role && role !== m.role && setAsked({ member: m, role: role as Role })}
          />
        ) : (
          roleWords[m.role].title
        ),
    },
    ...(may ? [{ id: 'factor', title: 'Second factor', width: '9rem', cell: (m: Member) => (m.second_factor ? 'Set up' : <Text inherit c="dimmed">None</Text>) }] : []),
    { id: 'since', title: 'Since', width: '9rem', cell: (m) => <Time at={m.created_at} /> },
    {
      id: 'actions',
      title: 'Actions',
      quiet: true,
      width: '7rem',
      cell: (m) =>
        may && (own === 'owner' || m.role !== 'owner') ? (
          <Button variant="default" size="compact-sm" onClick={() => setAsked({ member: m })} aria-label={m.user_id === me ? 'Leave the organization' : `Remove ${m.email}`}>
            {m.user_id === me ? 'Leave' : 'Remove'}
          </Button>
        ) : null,
    },
  ];
  return (
    <>
      <PageHeader
        title="Members"
        description="Who works in this organization, and what each one may do."
        docs="/docs/roles"
        actions={may ? <Button onClick={invite.open}>Invite somebody</Button> : null}
      />
      <Stack gap="xl">
        <DataTable
          caption="Members"
          awaited={1}
          rows={rows}
          columns={columns}
          rowKey={(m) => m.id}
          empty={<EmptyState title="No members">Everybody who signs in to this organization stands here.</EmptyState>}
        />
        <Invitations may={may} />
        <Panel title="What each role may do" text="The same table decides every request of the portal and of the management API.">
          <RoleTable />
        </Panel>
      </Stack>
      <InviteForm opened={inviting} onClose={invite.close} />
      <Ask asked={asked} self={asked?.member.user_id === me} onClose={() => setAsked(undefined)} />
    </>
  );
}

function Who({ member: m, self }: { member: Member; self: boolean }) {
  return (
    <Group gap="xs">
      <span>{m.name || m.email}</span>
      {self ? (
        <Badge variant="light" tt="none">
          You
        </Badge>
      ) : null}
      {m.name ? (
        <Text size="xs" c="dimmed" fw={400} w="100%">
          {m.email}
        </Text>
      ) : null}
    </Group>
  );
}

function Ask({ asked, self, onClose }: { asked: Asked | undefined; self: boolean; onClose: () => void }) {
  // The words stay while the dialog fades.
  const [last, setLast] = useState(asked);
  if (asked && asked !== last) setLast(asked);
  if (!last) return null;
  const { member, role } = last;
  const path = { member: member.id };
  const header = { 'If-Match': etagOf(member) };
  const who = self ? 'yourself' : member.email;
  if (role) {
    return (
      <ConfirmDanger
        opened={asked !== undefined}
        onClose={onClose}
        title={`Make ${who} ${role === 'owner' || role === 'admin' ? 'an' : 'a'} ${roleWords[role].title.toLowerCase()}?`}
        consequences={[
          `${roleWords[role].title}: ${roleWords[role].text.charAt(0).toLowerCase()}${roleWords[role].text.slice(1)}.`,
          'It holds at once, in open sessions and for management tokens too.',
          ...(self ? ['You can’t take it back yourself if the new role may not change members.'] : []),
        ]}
        action="Change the role"
        onConfirm={async () => {
          await api.PUT('/v1/members/{member}', { params: { path, header }, body: { role } });
          await refresh('/v1/members', '/v1/me');
          done('The role is changed.');
        }}
      />
    );
  }
  return (
    <ConfirmDanger
      opened={asked !== undefined}
      onClose={onClose}
      title={self ? 'Leave the organization?' : `Remove ${member.email}?`}
      consequences={[`${self ? 'You lose' : 'The member loses'} access at once, in open sessions too.`, 'Management tokens that were made by the account stop working.', 'API keys of consumers go on working.']}
      action={self ? 'Leave' : 'Remove the member'}
      onConfirm={async () => {
        await api.DELETE('/v1/members/{member}', { params: { path, header } });
        await refresh('/v1/members', '/v1/me');
        done(self ? 'You left the organization.' : `${member.email} is removed.`);
        if (self) window.location.assign('/gateways');
      }}
    />
  );
}
