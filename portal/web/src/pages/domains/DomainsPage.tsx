import { Button, Text } from '@mantine/core';
import { IconPlus, IconWorldWww } from '@tabler/icons-react';
import { useState } from 'react';
import { api } from '@/api/client';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, isBare, PageHeader, StateDot, Time, useRows, type Column } from '@/ui';
import { TextLink } from '@/ui/LinkTo';
import { AddDomain } from './AddDomain';
import { certificateStanding, proofStanding, unsettled, type Domain, type Standing } from './words';

function Words({ of }: { of: Standing }) {
  return (
    <Text span size="sm">
      <StateDot state={of.dot} /> {of.words}
    </Text>
  );
}

const columnsOf = (gateway: string): Column<Domain>[] => [
  {
    id: 'host',
    title: 'Host',
    cell: (d) => (
      <TextLink alone to="/gateways/$gw/domains/$host" params={{ gw: gateway, host: d.host }}>
        {d.host}
      </TextLink>
    ),
  },
  { id: 'proof', title: 'Control', width: '15rem', cell: (d) => <Words of={proofStanding(d)} /> },
  { id: 'certificate', title: 'Certificate', width: '19rem', cell: (d) => <Words of={certificateStanding(d)} /> },
  { id: 'added', title: 'Added', width: '9rem', cell: (d) => <Time at={d.created_at} /> },
];

export default function DomainsPage() {
  const gateway = useGatewayName();
  const may = useMay('gateways:write');
  const [adding, setAdding] = useState(false);
  const [lively, setLively] = useState(false);
  const rows = useRows({
    key: ['get', '/v1/gateways/{gateway}/domains', gateway, 'rows'],
    read: async (cursor, signal) => {
      const { data } = await api.GET('/v1/gateways/{gateway}/domains', { params: { path: { gateway }, query: { limit: 200, cursor } }, signal });
      setLively((data?.items ?? []).some(unsettled));
      return data ?? { items: [] };
    },
    refetchInterval: lively ? 5_000 : 60_000,
  });
  const add = may ? (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
      Add a domain
    </Button>
  ) : null;
  return (
    <>
      <PageHeader
        title="Domains"
        description="Hosts of your own that this gateway answers for, with certificates that are issued and renewed by themselves."
        docs="/docs/domains"
        actions={isBare(rows) ? null : add}
      />
      <DataTable
        caption={`Domains of ${gateway}`}
        rows={rows}
        rowKey={(d) => d.id}
        columns={columnsOf(gateway)}
        empty={
          <EmptyState icon={<IconWorldWww size={32} />} title="No domain yet" action={add}>
            Callers can reach the gateway at a host of your own, such as <span className="tg-mono">api.example.com</span>. You add it here, set a TXT record that
            proves it is yours and a CNAME record that leads to the edges, and the rest happens by itself.
          </EmptyState>
        }
      />
      <AddDomain gateway={gateway} opened={adding} onClose={() => setAdding(false)} />
    </>
  );
}
