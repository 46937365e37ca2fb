import { Anchor, Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { ConfirmDanger, DataTable, EmptyState, Time, useRows, type Column } from '@/ui';
import { Who } from './Applications';

type Account = Schemas['DeveloperAccount'];
const root = '/v1/gateways/{gateway}/developer-portal';

/** The accounts of the portal, each with the consumer that it is. */
export function Developers({ gateway }: { gateway: string }) {
  const may = useMay('consumers:write');
  const [deleting, setDeleting] = useState<Account>();
  const rows = useRows<Account>({
    key: ['get', `${root}/developers`, gateway],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/developer-portal/developers', { params: { path: { gateway }, query: { limit: 100, cursor } }, signal });
      return data ?? { items: [] };
    },
  });
  const columns: Column<Account>[] = [
    { id: 'who', title: 'Who', cell: (d) => <Who name={d.name} email={d.verified ? d.email : `${d.email}, not confirmed`} /> },
    {
      id: 'consumer', title: 'Consumer',
      cell: (d) =>
        d.consumer ? (
          <Anchor inherit renderRoot={(props) => <Link to="/gateways/$gw/consumers/$name" params={{ gw: gateway, name: d.consumer ?? '' }} {...props} />}>
            {d.consumer}
          </Anchor>
        ) : (
          'None yet'
        ),
    },
    { id: 'plan', title: 'Plan', width: '10rem', cell: (d) => d.usage_plan ?? '–' },
    { id: 'since', title: 'Signed up', width: '10rem', cell: (d) => <Time at={d.created_at} /> },
    {
      id: 'delete', title: 'Delete', quiet: true, width: '7rem',
      cell: (d) =>
        may ? (
          <Button size="compact-sm" variant="default" c="var(--tg-bad)" onClick={() => setDeleting(d)} aria-label={`Delete ${d.name}`}>
            Delete
          </Button>
        ) : null,
    },
  ];
  return (
    <>
      <DataTable
        caption="Developers"
        rows={rows}
        rowKey={(d) => d.id}
        columns={columns}
        empty={<EmptyState title="Nobody has signed up yet">Publish the portal and tell people its address. Whoever signs up stands here, and is a consumer as soon as they have a plan.</EmptyState>}
      />
      <ConfirmDanger
        opened={deleting !== undefined}
        onClose={() => setDeleting(undefined)}
        title={`Delete the account of ${deleting?.name ?? ''}?`}
        consequences={['The account, its consumer and all its keys go.', 'Requests with those keys are refused within seconds.']}
        name={deleting?.email}
        action="Delete the account"
        onConfirm={async () => {
          if (!deleting) return;
          await api.DELETE('/v1/gateways/{gateway}/developer-portal/developers/{developer}', { params: { path: { gateway, developer: deleting.id } } });
          await refresh(root);
        }}
      />
    </>
  );
}
