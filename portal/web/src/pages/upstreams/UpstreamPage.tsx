import { Button } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, done, FormSkeleton, Loaded, PageHeader } from '@/ui';
import { ManagedBadge } from '@/ui/ManagedBadge';
import { LinkButton } from '@/ui/LinkTo';
import { UpstreamEditor } from './UpstreamEditor';

export default function UpstreamPage() {
  const gateway = useGatewayName();
  const { name = '' } = useParams({ strict: false });
  const navigate = useNavigate();
  const may = useMay('gateways:write');
  const [deleting, setDeleting] = useState(false);
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/upstreams/{name}', { params: { path: { gateway, name } } });
  const upstream = query.data;
  return (
    <>
      <PageHeader
        title={name}
        badge={<ManagedBadge by={upstream?.managed_by} />}
        description="An upstream: targets that share the requests of its routes."
        actions={
          may && upstream ? (
            <>
              <LinkButton to="/gateways/$gw/new-route" params={{ gw: gateway }} search={{ upstream: name }} variant="default">
                New route to it
              </LinkButton>
              <Button variant="default" onClick={() => setDeleting(true)}>
                Delete
              </Button>
            </>
          ) : null
        }
      />
      <Loaded query={query} skeleton={<FormSkeleton />}>
        {(data) => <UpstreamEditor key={data.id} gateway={gateway} upstream={data} />}
      </Loaded>
      {upstream ? (
        <ConfirmDanger
          opened={deleting}
          onClose={() => setDeleting(false)}
          title={`Delete the upstream ${upstream.name}?`}
          action="Delete the upstream"
          consequences={['It must not be used by any route.', 'An earlier version of the configuration still has it: restoring that brings it back.']}
          onConfirm={async () => {
            await api.DELETE('/v1/gateways/{gateway}/upstreams/{name}', { params: { path: { gateway, name: upstream.name }, header: { 'If-Match': etagOf(upstream) } } });
            await navigate({ to: '/gateways/$gw/upstreams', params: { gw: gateway } });
            await refresh('/v1/gateways/{gateway}/upstreams', '/v1/gateways/{gateway}/versions');
            done(`The upstream ${upstream.name} is deleted.`);
          }}
        />
      ) : null}
    </>
  );
}
