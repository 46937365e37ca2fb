import { Button, Select } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKey } from '@tabler/icons-react';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { DataTable, EmptyState, isBare, PageHeader, useSearchParams } from '@/ui';
import { RemoteSelect } from '@/ui/RemoteSelect';
import { keyColumns } from './columns';
import { keyStates } from './KeyState';
import { NewKey } from './NewKey';
import { useKeys, type KeySort, type KeyStateFilter } from './useKeys';

export default function KeysPage() {
  const gateway = useGatewayName();
  const [search, setSearch] = useSearchParams();
  const [opened, dialog] = useDisclosure(search.new !== undefined);
  const may = useMay('keys:write');
  const sort = search.sort ?? '-created_at';
  const rows = useKeys(gateway, {
    q: search.q,
    sort: sort as KeySort,
    state: keyStates.find((s) => s.value === search.state)?.value as KeyStateFilter,
    consumer: search.consumer,
  });
  const issue = may ? <Button onClick={dialog.open}>Issue a key</Button> : null;
  return (
    <>
      <PageHeader
        title="API keys"
        description="A key lets its consumer call the gateway. It is shown once, when it is issued."
        docs="/docs/keys"
        actions={isBare(rows, search.q) ? null : issue}
      />
      <DataTable
        caption={`API keys of ${gateway}`}
        rows={rows}
        columns={keyColumns(gateway, true)}
        rowKey={(k) => k.id}
        search={search.q}
        onSearch={(q) => setSearch({ q })}
        searchLabel="Search by prefix, name or consumer"
        sort={sort}
        onSort={(next) => setSearch({ sort: next })}
        filters={
          <>
            <RemoteSelect
              gateway={gateway}
              kind="consumers"
              aria-label="Consumer"
              placeholder="Any consumer"
              clearable
              w="12rem"
              value={search.consumer ?? ''}
              onChange={(consumer) => setSearch({ consumer })}
            />
            <Select
              aria-label="State"
              placeholder="Any state"
              clearable
              w="10rem"
              data={keyStates}
              value={search.state ?? null}
              onChange={(state) => setSearch({ state: state ?? undefined })}
            />
          </>
        }
        empty={
          <EmptyState title="Nobody has a key yet" icon={<IconKey size={32} />} action={issue}>
            Issue a key to a consumer, hand it over, and see at any time what it did, what is left of its quota and when it was last used. Routes ask for it with the
            policy api_key.
          </EmptyState>
        }
      />
      <NewKey
        gateway={gateway}
        opened={opened}
        onClose={() => {
          dialog.close();
          if (search.new !== undefined) setSearch({ new: undefined });
        }}
      />
    </>
  );
}
