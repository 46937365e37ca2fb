import { Button } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, done, FormSkeleton, Loaded, PageHeader } from '@/ui';
import { ManagedBadge } from '@/ui/ManagedBadge';
import { StreamEditor } from './StreamEditor';

export default function StreamPage() {
  const gateway = useGatewayName();
  const { name = '' } = useParams({ strict: false });
  const navigate = useNavigate();
  const may = useMay('gateways:write');
  const [deleting, setDeleting] = useState(false);
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/streams/{name}', { params: { path: { gateway, name } } });
  const stream = query.data;
  return (
    <>
      <PageHeader
        title={name}
        badge={<ManagedBadge by={stream?.managed_by} />}
        description="A stream: what clients send below HTTP goes to the targets of its upstream."
        actions={
          may && stream ? (
            <Button variant="default" onClick={() => setDeleting(true)}>
              Delete
            </Button>
          ) : null
        }
      />
      <Loaded query={query} skeleton={<FormSkeleton />}>
        {(data) => <StreamEditor key={data.id} gateway={gateway} stream={data} />}
      </Loaded>
      {stream ? (
        <ConfirmDanger
          opened={deleting}
          onClose={() => setDeleting(false)}
          title={`Delete the stream ${stream.name}?`}
          action="Delete the stream"
          consequences={['Its open connections end, and its port is reserved for your organization for a day.', 'An earlier version of the configuration still has it: restoring that brings it back.']}
          onConfirm={async () => {
            await api.DELETE('/v1/gateways/{gateway}/streams/{name}', { params: { path: { gateway, name: stream.name }, header: { 'If-Match': etagOf(stream) } } });
            await navigate({ to: '/gateways/$gw/streams', params: { gw: gateway } });
            await refresh('/v1/gateways/{gateway}/streams', '/v1/gateways/{gateway}/versions');
            done(`The stream ${stream.name} is deleted.`);
          }}
        />
      ) : null}
    </>
  );
}
