import { Button } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, done, ErrorState, FormSkeleton, PageHeader } from '@/ui';
import { ManagedBadge } from '@/ui/ManagedBadge';
import { matchWords } from './match';
import { RouteEditor } from './RouteEditor';
import { useEditing } from './useEditing';

export default function RoutePage() {
  const gateway = useGatewayName();
  const { name = '' } = useParams({ strict: false });
  const navigate = useNavigate();
  const may = useMay('gateways:write');
  const [deleting, setDeleting] = useState(false);
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/routes/{name}', { params: { path: { gateway, name } } });
  const editing = useEditing(gateway);
  const route = query.data;
  const error = query.error ?? editing.error;
  return (
    <>
      <PageHeader
        title={name}
        badge={<ManagedBadge by={route?.managed_by} />}
        description={route ? <span className="tg-mono">{matchWords(route.match)}</span> : undefined}
        actions={
          may && route ? (
            <Button variant="default" onClick={() => setDeleting(true)}>
              Delete
            </Button>
          ) : null
        }
      />
      {route && editing.data ? (
        <RouteEditor key={route.id} gateway={gateway} route={route} {...editing.data} />
      ) : error ? (
        <ErrorState error={error} retry={() => void Promise.all([query.refetch(), editing.refetch()])} />
      ) : (
        <FormSkeleton />
      )}
      {route ? (
        <ConfirmDanger
          opened={deleting}
          onClose={() => setDeleting(false)}
          title={`Delete the route ${route.name}?`}
          action="Delete the route"
          consequences={['Requests that only it matched are answered 404 as soon as the edges have the new version.', 'An earlier version of the configuration still has it: restoring that brings it back.']}
          onConfirm={async () => {
            await api.DELETE('/v1/gateways/{gateway}/routes/{name}', { params: { path: { gateway, name: route.name }, header: { 'If-Match': etagOf(route) } } });
            await navigate({ to: '/gateways/$gw/routes', params: { gw: gateway } });
            await refresh('/v1/gateways/{gateway}/routes', '/v1/gateways/{gateway}/versions');
            done(`The route ${route.name} is deleted.`);
          }}
        />
      ) : null}
    </>
  );
}
