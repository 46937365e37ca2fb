import { Button } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, done, Loaded, PageHeader } from '@/ui';
import { DomainCertificate } from './DomainCertificate';
import { Records } from './Records';
import { unsettled } from './words';

export default function DomainPage() {
  const gateway = useGatewayName();
  const { host = '' } = useParams({ strict: false });
  const navigate = useNavigate();
  const may = useMay('gateways:write');
  const [deleting, setDeleting] = useState(false);
  const query = $api.useQuery(
    'get',
    '/v1/gateways/{gateway}/domains/{host}',
    { params: { path: { gateway, host } } },
    { refetchInterval: ({ state }) => (deleting ? false : state.data && unsettled(state.data) ? 3_000 : 60_000) },
  );
  const domain = query.data;
  const served = domain?.state === 'active' || domain?.state === 'failing';
  return (
    <>
      <PageHeader
        title={host}
        description="A host of your own: its proof by DNS, and its certificate."
        docs="/docs/domains"
        actions={
          may && domain ? (
            <Button variant="default" onClick={() => setDeleting(true)}>
              Delete
            </Button>
          ) : null
        }
      />
      <Loaded query={query}>
        {(data) => (
          <div style={{ maxWidth: '56rem' }}>
            <Records gateway={gateway} domain={data} />
            <DomainCertificate gateway={gateway} domain={data} />
          </div>
        )}
      </Loaded>
      {domain ? (
        <ConfirmDanger
          opened={deleting}
          onClose={() => setDeleting(false)}
          title={`Delete the domain ${domain.host}?`}
          name={served ? domain.host : undefined}
          action="Delete the domain"
          consequences={
            served
              ? [
                  `Every edge stops answering for ${domain.host}: its callers get 404, and its certificate is not served any more.`,
                  'It can’t be deleted while a route names it.',
                  'No other organization can have the host for 7 days; you can add it again with a new record.',
                ]
              : ['The host is not served, so nothing stops.', 'Its TXT record proves nothing any more: adding the host again asks for a new one.']
          }
          onConfirm={async () => {
            await api.DELETE('/v1/gateways/{gateway}/domains/{host}', { params: { path: { gateway, host: domain.host }, header: { 'If-Match': etagOf(domain) } } });
            await navigate({ to: '/gateways/$gw/domains', params: { gw: gateway } });
            await refresh('/v1/gateways/{gateway}/domains', '/v1/gateways/{gateway}/versions');
            done(`The domain ${domain.host} is deleted.`);
          }}
        />
      ) : null}
    </>
  );
}
