import { Button, Group, Select, Tabs, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { $api, api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGateway, useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, done, ErrorState, PageHeader, PanelSkeleton, useSearchParams } from '@/ui';
import { print } from '@/ui/code/text';
import { capital, dateTime } from '@/ui/format';
import { authorWords } from './author';

const DiffView = lazy(() => import('@/ui/diff/DiffView').then((m) => ({ default: m.DiffView })));
const TextDiff = lazy(() => import('@/ui/diff/DiffView').then((m) => ({ default: m.TextDiff })));
const CodeEditor = lazy(() => import('@/ui/code/CodeEditor'));

type Detail = Schemas['VersionDetail'];

export default function VersionPage() {
  const gateway = useGatewayName();
  const newest = useGateway()?.version;
  const { version = '' } = useParams({ strict: false });
  const [search, setSearch] = useSearchParams();
  const number = Number(version);
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/versions/{version}', { params: { path: { gateway, version: number } } }, { staleTime: Infinity });
  const detail = query.data;
  return (
    <>
      <PageHeader
        title={`Version ${version}`}
        description={detail ? `${capital(detail.summary)}, by ${authorWords(detail.author)}, ${dateTime(detail.created_at)}` : undefined}
        actions={detail && newest !== undefined && detail.version !== newest ? <Restore gateway={gateway} detail={detail} newest={newest} /> : null}
      />
      {detail ? (
        <Tabs value={search.tab ?? 'changes'} onChange={(tab) => setSearch({ tab: tab === 'changes' ? undefined : (tab ?? undefined) })} keepMounted={false}>
          <Tabs.List mb="lg">
            <Tabs.Tab value="changes">{search.against ? 'Compared' : 'What changed'}</Tabs.Tab>
            <Tabs.Tab value="config">Whole configuration</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="changes">
            <Against gateway={gateway} detail={detail} newest={newest} />
          </Tabs.Panel>
          <Tabs.Panel value="config">
            <Suspense fallback={<PanelSkeleton lines={12} />}>
              <CodeEditor label={`Configuration of version ${version}`} value={print(detail.config, 'yaml')} format="yaml" readOnly maxHeight="75vh" />
            </Suspense>
          </Tabs.Panel>
        </Tabs>
      ) : query.error ? (
        <ErrorState error={query.error} retry={() => void query.refetch()} />
      ) : (
        <PanelSkeleton lines={8} />
      )}
    </>
  );
}

/** The changes against the version before, or both configurations side by side in one text. */
function Against({ gateway, detail, newest }: { gateway: string; detail: Detail; newest: number | undefined }) {
  const [search, setSearch] = useSearchParams();
  const against = Number(search.against ?? 0);
  const other = $api.useQuery(
    'get',
    '/v1/gateways/{gateway}/versions/{version}',
    { params: { path: { gateway, version: against } } },
    { enabled: against > 0, staleTime: Infinity },
  );
  const { data } = $api.useQuery('get', '/v1/gateways/{gateway}/versions', { params: { path: { gateway }, query: { limit: 200 } } });
  const versions = (data?.items ?? []).filter((v) => v.version !== detail.version).map((v) => ({ value: String(v.version), label: `Version ${v.version}${v.version === newest ? ' (newest)' : ''}: ${v.summary}` }));
  return (
    <>
      <Select
        label="Compare with"
        placeholder="The version before"
        clearable
        searchable
        data={versions}
        value={search.against ?? null}
        onChange={(v) => setSearch({ against: v ?? undefined })}
        maw="28rem"
        mb="lg"
      />
      <Suspense fallback={<PanelSkeleton lines={8} />}>
        {against === 0 ? (
          <DiffView changes={detail.changes} />
        ) : other.error ? (
          <ErrorState error={other.error} retry={() => void other.refetch()} />
        ) : other.data ? (
          <Whole from={other.data} to={detail} />
        ) : (
          <PanelSkeleton lines={8} />
        )}
      </Suspense>
    </>
  );
}

function Whole({ from, to }: { from: Detail; to: Detail }) {
  const [older, newer] = from.version < to.version ? [from, to] : [to, from];
  const before = print(older.config, 'yaml');
  const after = print(newer.config, 'yaml');
  if (before === after) {
    return (
      <Text c="dimmed" className="tg-panel" p="md">
        Both versions are the same.
      </Text>
    );
  }
  return (
    <section className="tg-panel">
      <Group px="md" py="xs" style={{ borderBottom: '1px solid var(--tg-line)' }}>
        <Text fw={550}>
          From version {older.version} to version {newer.version}
        </Text>
      </Group>
      <TextDiff before={before} after={after} label={`Difference of versions ${older.version} and ${newer.version}`} />
    </section>
  );
}

function Restore({ gateway, detail, newest }: { gateway: string; detail: Detail; newest: number }) {
  const may = useMay('gateways:write');
  const navigate = useNavigate();
  const [opened, setOpened] = useState(false);
  const [, setSearch] = useSearchParams();
  if (!may) return null;
  return (
    <>
      <Button variant="default" onClick={() => setSearch({ against: String(newest), tab: undefined })}>
        Compare with the newest
      </Button>
      <Button onClick={() => setOpened(true)}>Restore it</Button>
      <ConfirmDanger
        opened={opened}
        onClose={() => setOpened(false)}
        title={`Restore version ${detail.version}?`}
        action="Restore it"
        consequences={[
          `Routes, upstreams, policies and settings become those of version ${detail.version}, as version ${newest + 1}.`,
          `What was changed since stays in the history: version ${newest} can be restored in the same way.`,
          'Consumers, keys and secrets stay as they are.',
        ]}
        onConfirm={async () => {
          await api.POST('/v1/gateways/{gateway}/versions/{version}/restore', { params: { path: { gateway, version: detail.version } } });
          await refresh('/v1/gateways/{gateway}');
          done(`Version ${detail.version} is restored.`);
          await navigate({ to: '/gateways/$gw/versions', params: { gw: gateway } });
        }}
      />
    </>
  );
}
