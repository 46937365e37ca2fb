import { Button, Tabs } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useParams } from '@tanstack/react-router';
import { $api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, Loaded, PageHeader, PanelSkeleton, useSearchParams } from '@/ui';
import { keyColumns } from '../keys/columns';
import { NewKey } from '../keys/NewKey';
import { useKeys } from '../keys/useKeys';
import { ConsumerOverview } from './ConsumerOverview';
import { ConsumerSettings } from './ConsumerSettings';

export default function ConsumerPage() {
  const gateway = useGatewayName();
  const { name = '' } = useParams({ strict: false });
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/consumers/{name}', { params: { path: { gateway, name } } }, { refetchInterval: 10_000 });
  return (
    <Loaded query={query} title={name} skeleton={<PanelSkeleton lines={8} />}>
      {(consumer) => <One gateway={gateway} consumer={consumer} />}
    </Loaded>
  );
}

const tabs = ['overview', 'keys', 'settings'];

function One({ gateway, consumer }: { gateway: string; consumer: Schemas['Consumer'] }) {
  const [search, setSearch] = useSearchParams();
  const [issuing, dialog] = useDisclosure(false);
  const may = useMay('keys:write');
  const name = consumer.name ?? '';
  const tab = tabs.includes(search.tab ?? '') ? search.tab : 'overview';
  return (
    <>
      <PageHeader title={name} actions={may ? <Button onClick={dialog.open}>Issue a key</Button> : null} />
      <Tabs value={tab} onChange={(next) => setSearch({ tab: next === 'overview' ? undefined : (next ?? undefined), q: undefined, sort: undefined })} keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="keys">Keys</Tabs.Tab>
          <Tabs.Tab value="settings">Settings</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview">
          <ConsumerOverview gateway={gateway} consumer={consumer} />
        </Tabs.Panel>
        <Tabs.Panel value="keys">
          <Keys gateway={gateway} consumer={name} onIssue={may ? dialog.open : undefined} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <ConsumerSettings gateway={gateway} consumer={consumer} />
        </Tabs.Panel>
      </Tabs>
      <NewKey gateway={gateway} consumer={name} opened={issuing} onClose={dialog.close} />
    </>
  );
}

function Keys({ gateway, consumer, onIssue }: { gateway: string; consumer: string; onIssue?: () => void }) {
  const [search, setSearch] = useSearchParams();
  const sort = search.sort === 'name' || search.sort === '-name' || search.sort === 'created_at' ? search.sort : '-created_at';
  const rows = useKeys(gateway, { consumer, q: search.q, sort });
  return (
    <DataTable
      caption={`Keys of ${consumer}`}
      rows={{ ...rows, filtered: false }}
      columns={keyColumns(gateway, false)}
      rowKey={(k) => k.id}
      search={search.q}
      onSearch={(q) => setSearch({ q })}
      searchLabel="Search by prefix or name"
      sort={sort}
      onSort={(next) => setSearch({ sort: next })}
      empty={
        <EmptyState title="It has no key yet" action={onIssue ? <Button onClick={onIssue}>Issue a key</Button> : undefined}>
          With a key {consumer} can call every route of the gateway that asks for one. Give each place that calls a key of its own: then one can be changed or revoked alone.
        </EmptyState>
      }
    />
  );
}
