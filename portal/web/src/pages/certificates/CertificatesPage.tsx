import { Button, Group, Tabs, Text } from '@mantine/core';
import { IconCertificate, IconUpload } from '@tabler/icons-react';
import { useState } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, DataTable, done, EmptyState, failed, PageHeader, StateDot, isBare, useRows, useSearchParams, type Column, type DotState } from '@/ui';
import { date } from '@/ui/format';
import { TextLink } from '@/ui/LinkTo';
import { Callers } from './Callers';
import { UploadModal } from './UploadModal';
import { expiryWords } from './expiry';

type Certificate = Schemas['Certificate'];

const dots: Record<Certificate['state'], DotState> = { valid: 'good', expiring: 'warn', expired: 'bad' };

export default function CertificatesPage() {
  const gateway = useGatewayName();
  const [search, setSearch] = useSearchParams();
  return (
    <>
      <PageHeader title="Certificates" description="What the edges show to callers, and what callers have to show." docs="/docs/tls" />
      <Tabs value={search.tab ?? 'served'} onChange={(tab) => setSearch({ tab: tab === 'served' ? undefined : (tab ?? undefined) })} keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="served">Served</Tabs.Tab>
          <Tabs.Tab value="callers">Asked of callers</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="served">
          <Served gateway={gateway} />
        </Tabs.Panel>
        <Tabs.Panel value="callers">
          <Callers gateway={gateway} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Served({ gateway }: { gateway: string }) {
  const may = useMay('secrets:write');
  const [uploading, setUploading] = useState(false);
  const [replacing, setReplacing] = useState<Certificate>();
  const [deleting, setDeleting] = useState<Certificate>();
  const rows = useRows({
    key: ['get', '/v1/gateways/{gateway}/certificates', gateway, 'rows'],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/certificates', { params: { path: { gateway }, query: { limit: 200, cursor } }, signal });
      return data ?? { items: [] };
    },
  });
  const withTag = async (certificate: Certificate, then: (certificate: Certificate) => void) => {
    try {
      const { data } = await api.GET('/v1/gateways/{gateway}/certificates/{name}', { params: { path: { gateway, name: certificate.name } } });
      if (data) then(data);
    } catch (error) {
      failed(error);
    }
  };
  const columns: Column<Certificate>[] = [
    { id: 'name', title: 'Name', width: '16%', cell: (c) => c.name },
    { id: 'hosts', title: 'Hosts', cell: (c) => <span className="tg-mono">{c.hosts.join(', ')}</span> },
    {
      id: 'state',
      title: 'Expires',
      width: '17rem',
      cell: (c) => (
        <Text span size="sm">
          <StateDot state={dots[c.state]} /> {date(c.not_after)}, {expiryWords(c.days_left)}
        </Text>
      ),
    },
    { id: 'issuer', title: 'Signed by', width: '18%', cell: (c) => c.issuer },
    {
      id: 'actions',
      title: 'Actions',
      quiet: true,
      width: '11.5rem',
      cell: (c) =>
        may ? (
          <Group gap="xs" wrap="nowrap">
            <Button size="compact-sm" variant="default" aria-label={`Replace ${c.name}`} onClick={() => void withTag(c, setReplacing)}>
              Replace
            </Button>
            <Button size="compact-sm" variant="default" aria-label={`Delete ${c.name}`} onClick={() => void withTag(c, setDeleting)}>
              Delete
            </Button>
          </Group>
        ) : null,
    },
  ];
  const upload = may ? (
    <Button leftSection={<IconUpload size={16} aria-hidden />} onClick={() => setUploading(true)}>
      Upload a certificate
    </Button>
  ) : null;
  return (
    <>
      {isBare(rows) ? null : (
        <Group justify="flex-end" mb="sm">
          {upload}
        </Group>
      )}
      <DataTable
        caption={`Certificates of ${gateway}`}
        rows={rows}
        rowKey={(c) => c.id}
        columns={columns}
        empty={
          <EmptyState icon={<IconCertificate size={32} />} title="No certificate yet" action={upload}>
            The gateway’s own host name is covered by the edges, and <TextLink to="/gateways/$gw/domains" params={{ gw: gateway }}>your domains</TextLink> get theirs by
            themselves. Upload a certificate with its chain and private key where you have one of your own. The key is encrypted and never shown again.
          </EmptyState>
        }
      />
      <UploadModal gateway={gateway} opened={uploading} onClose={() => setUploading(false)} />
      <UploadModal gateway={gateway} opened={replacing !== undefined} onClose={() => setReplacing(undefined)} certificate={replacing} />
      <ConfirmDanger
        opened={deleting !== undefined}
        onClose={() => setDeleting(undefined)}
        title={`Delete the certificate ${deleting?.name ?? ''}?`}
        name={deleting?.name}
        action="Delete the certificate"
        consequences={[`${deleting?.hosts.join(', ') ?? ''}: clients get the edges’ own certificate again, which may not fit these hosts.`]}
        onConfirm={async () => {
          if (!deleting) return;
          await api.DELETE('/v1/gateways/{gateway}/certificates/{name}', {
            params: { path: { gateway, name: deleting.name }, header: { 'If-Match': etagOf(deleting) } },
          });
          await refresh('/v1/gateways/{gateway}/certificates');
          done(`The certificate ${deleting.name} is deleted.`);
        }}
      />
    </>
  );
}
