import { Button, Group } from '@mantine/core';
import { IconLock, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, DataTable, done, EmptyState, failed, PageHeader, Time, isBare, useRows, type Column } from '@/ui';
import { SecretModal } from './SecretModal';

type Secret = Schemas['Secret'];

export default function SecretsPage() {
  const gateway = useGatewayName();
  const may = useMay('secrets:write');
  const [making, setMaking] = useState(false);
  const [setting, setSetting] = useState<Secret>();
  const [deleting, setDeleting] = useState<Secret>();
  const rows = useRows({
    key: ['get', '/v1/gateways/{gateway}/secrets', gateway, 'rows'],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/secrets', { params: { path: { gateway }, query: { limit: 200, cursor } }, signal });
      return data ?? { items: [] };
    },
  });
  // A list has no tags of its own: the secret is read for the one that guards the change.
  const withTag = async (secret: Secret, then: (secret: Secret) => void) => {
    try {
      const { data } = await api.GET('/v1/gateways/{gateway}/secrets/{name}', { params: { path: { gateway, name: secret.name } } });
      if (data) then(data);
    } catch (error) {
      failed(error);
    }
  };
  const columns: Column<Secret>[] = [
    { id: 'name', title: 'Name', cell: (s) => <span className="tg-mono">{s.name}</span> },
    { id: 'updated', title: 'Set', width: '10rem', cell: (s) => <Time at={s.updated_at} /> },
    { id: 'created', title: 'Made', width: '10rem', cell: (s) => <Time at={s.created_at} /> },
    {
      id: 'actions',
      title: 'Actions',
      quiet: true,
      width: '15rem',
      cell: (s) =>
        may ? (
          <Group gap="xs" wrap="nowrap">
            <Button size="compact-sm" variant="default" aria-label={`Set a new value of ${s.name}`} onClick={() => void withTag(s, setSetting)}>
              Set a new value
            </Button>
            <Button size="compact-sm" variant="default" aria-label={`Delete ${s.name}`} onClick={() => void withTag(s, setDeleting)}>
              Delete
            </Button>
          </Group>
        ) : null,
    },
  ];
  const make = may ? (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
      New secret
    </Button>
  ) : null;
  return (
    <>
      <PageHeader title="Secrets" description="Values that policies use and nobody can read again, such as the token of a backend." actions={isBare(rows) ? null : make} />
      <DataTable
        caption={`Secrets of ${gateway}`}
        rows={rows}
        rowKey={(s) => s.id}
        columns={columns}
        empty={
          <EmptyState icon={<IconLock size={32} />} title="No secret yet" action={make}>
            Keep what your backends ask for out of the configuration: store it here once, then choose it as a value in a policy such as request headers. It is
            encrypted, sent to edges only, and appears in no version and no log.
          </EmptyState>
        }
      />
      <SecretModal gateway={gateway} opened={making} onClose={() => setMaking(false)} />
      <SecretModal gateway={gateway} opened={setting !== undefined} onClose={() => setSetting(undefined)} secret={setting} />
      <ConfirmDanger
        opened={deleting !== undefined}
        onClose={() => setDeleting(undefined)}
        title={`Delete the secret ${deleting?.name ?? ''}?`}
        name={deleting?.name}
        action="Delete the secret"
        consequences={['Its value is gone: nobody can bring it back.', 'It must not be used by any policy.']}
        onConfirm={async () => {
          if (!deleting) return;
          await api.DELETE('/v1/gateways/{gateway}/secrets/{name}', { params: { path: { gateway, name: deleting.name }, header: { 'If-Match': etagOf(deleting) } } });
          await refresh('/v1/gateways/{gateway}/secrets');
          done(`The secret ${deleting.name} is deleted.`);
        }}
      />
    </>
  );
}
