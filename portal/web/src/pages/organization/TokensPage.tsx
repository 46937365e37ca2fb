import { Badge, Button, List, Stack, Text, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconTicket } from '@tabler/icons-react';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { ConfirmDanger, DataTable, done, EmptyState, PageHeader, Time, isBare, useRows, type Column } from '@/ui';
import { date } from '@/ui/format';
import { NewToken } from './NewToken';
import { everything, scopesText } from './scopes';
import { useMemberNames } from './useMemberNames';

type Token = Schemas['Token'];

function Scopes({ token }: { token: Token }) {
  const text = scopesText(token.scopes);
  if (token.scopes.includes(everything) || token.scopes.length === 1) return text;
  return (
    <Tooltip
      multiline
      label={
        <List listStyleType="none" size="xs">
          {token.scopes.map((s) => (
            <List.Item key={s}>{s}</List.Item>
          ))}
        </List>
      }
    >
      <span tabIndex={0} style={{ textDecoration: 'underline dotted', textUnderlineOffset: 3 }}>
        {text}
      </span>
    </Tooltip>
  );
}

export default function TokensPage() {
  const [opened, dialog] = useDisclosure(false);
  const [asked, setAsked] = useState<Token>();
  const may = useMay('tokens:write');
  const names = useMemberNames();
  const rows = useRows<Token>({
    key: ['get', '/v1/tokens'],
    read: async (cursor, signal) => (await api.GET('/v1/tokens', { params: { query: { limit: 100, cursor } }, signal })).data ?? { items: [] },
  });
  const columns: Column<Token>[] = [
    {
      id: 'name',
      title: 'Token',
      cell: (t) => (
        <Stack gap={0}>
          <span>{t.name}</span>
          <Text size="xs" c="dimmed" fw={400} className="tg-mono">
            {t.prefix}…
          </Text>
        </Stack>
      ),
    },
    { id: 'scopes', title: 'It may', width: '12rem', cell: (t) => <Scopes token={t} /> },
    { id: 'by', title: 'Made by', width: '12rem', cell: (t) => names.get(t.created_by) ?? 'A former member' },
    { id: 'used', title: 'Last used', width: '9rem', cell: (t) => (t.last_used_at ? <Time at={t.last_used_at} /> : <Text inherit c="dimmed">Never</Text>) },
    { id: 'expires', title: 'Expires', width: '8rem', cell: (t) => <Expiry at={t.expires_at} /> },
    {
      id: 'actions',
      title: 'Actions',
      quiet: true,
      width: '6.5rem',
      cell: (t) =>
        may ? (
          <Button variant="default" size="compact-sm" onClick={() => setAsked(t)} aria-label={`Delete the token ${t.name}`}>
            Delete
          </Button>
        ) : null,
    },
  ];
  const make = may ? <Button onClick={dialog.open}>New management token</Button> : null;
  return (
    <>
      <PageHeader
        title="Management tokens"
        description="For programs that manage gateways: the command line, Terraform, a deployment. They don’t call gateways; API keys do."
        actions={isBare(rows) ? null : make}
      />
      <DataTable
        caption="Management tokens"
        rows={rows}
        columns={columns}
        rowKey={(t) => t.id}
        empty={
          <EmptyState title="No management token yet" icon={<IconTicket size={32} />} action={make}>
            With a token a program can do over the management API what this portal does. Give each program its own, with no more than it needs and an end.
          </EmptyState>
        }
      />
      <NewToken opened={opened} onClose={dialog.close} />
      <ConfirmDanger
        opened={asked !== undefined}
        onClose={() => setAsked(undefined)}
        title={`Delete the token ${asked?.name ?? ''}?`}
        consequences={['Programs that use it are refused at once.', 'It can’t be brought back.']}
        action="Delete the token"
        onConfirm={async () => {
          if (!asked) return;
          await api.DELETE('/v1/tokens/{token}', { params: { path: { token: asked.id } } });
          await refresh('/v1/tokens');
          done(`The token ${asked.name} no longer works.`);
        }}
      />
    </>
  );
}

function Expiry({ at }: { at: string | undefined }) {
  if (!at) return <>Never</>;
  if (Date.parse(at) > Date.now()) return <>{date(at)}</>;
  return (
    <Badge variant="light" color="amber" tt="none">
      Expired
    </Badge>
  );
}
