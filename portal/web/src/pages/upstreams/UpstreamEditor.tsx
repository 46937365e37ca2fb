import { Tabs } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { PanelSkeleton, ProblemNote, useSearchParams } from '@/ui';
import { SaveBar } from '@/ui/SaveBar';
import { useDraft } from '@/ui/useDraft';
import { TargetsHealth } from './TargetsHealth';
import { UpstreamFields, type UpstreamInput } from './UpstreamFields';

const DocumentEditor = lazy(() => import('@/ui/code/DocumentEditor').then((m) => ({ default: m.DocumentEditor })));

const empty: UpstreamInput = { name: '', targets: [{ url: '' }] };

function inputOf({ id: _, created_at: __, updated_at: ___, ...input }: Schemas['Upstream']): UpstreamInput {
  return input;
}

const bodyOf = (upstream: UpstreamInput, base?: Schemas['Upstream']) => ({ name: base?.name, upstream });

/** Edits one draft of an upstream, as a form and as a document. */
export function UpstreamEditor({ gateway, upstream }: { gateway: string; upstream?: Schemas['Upstream'] }) {
  const navigate = useNavigate();
  const [search, setSearch] = useSearchParams();
  const { base, draft, setDraft, dirty, may, check, errors, errorAt, note, bar } = useDraft<Schemas['Upstream'], UpstreamInput>({
    gateway,
    saved: upstream,
    start: empty,
    inputOf,
    bodyOf,
    nameTaken: 'is taken by another upstream',
    save: async (body, before) => {
      const path = { gateway };
      const { data } = before
        ? await api.PUT('/v1/gateways/{gateway}/upstreams/{name}', { params: { path: { ...path, name: before.name }, header: { 'If-Match': etagOf(before) } }, body })
        : await api.POST('/v1/gateways/{gateway}/upstreams', { params: { path }, body });
      await refresh('/v1/gateways/{gateway}/upstreams', '/v1/gateways/{gateway}/routes', '/v1/gateways/{gateway}/versions');
      if (data && before?.name !== data.name) {
        await navigate({ to: '/gateways/$gw/upstreams/$name', params: { gw: gateway, name: data.name }, search: before ? search : { saved: 'yes' }, replace: Boolean(before) });
      }
      return data;
    },
  });
  const rest = errors.filter((e) => e.pointer === '');
  return (
    <>
      {note}
      <Tabs value={search.tab ?? 'form'} onChange={(tab) => setSearch({ tab: tab === 'form' ? undefined : (tab ?? undefined) })} keepMounted={false} mt="sm">
        <Tabs.List mb="lg">
          <Tabs.Tab value="form">Upstream</Tabs.Tab>
          {base ? <Tabs.Tab value="health">Live health</Tabs.Tab> : null}
          <Tabs.Tab value="code">YAML and JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="form">
          <UpstreamFields draft={draft} onChange={setDraft} errorAt={errorAt} disabled={!may} fresh={!base} />
        </Tabs.Panel>
        <Tabs.Panel value="health">
          <div className="tg-panel" style={{ maxWidth: '46rem' }}>
            <TargetsHealth gateway={gateway} upstream={base?.name ?? ''} />
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="code">
          <Suspense fallback={<PanelSkeleton lines={10} />}>
            <DocumentEditor label={`The upstream ${draft.name ?? ''}`} value={draft} onChange={(value) => setDraft(value as unknown as UpstreamInput)} readOnly={!may} />
          </Suspense>
          <ProblemNote problem={dirty && check.settled ? check.problem : undefined} rest={errors} />
        </Tabs.Panel>
      </Tabs>
      {search.tab !== 'code' && check.problem && (rest.length > 0 || errors.length === 0) ? <ProblemNote problem={check.problem} rest={rest} /> : null}
      {may && search.tab !== 'health' ? (
        <SaveBar action={base ? 'Save the upstream' : 'Make the upstream'} {...bar} />
      ) : null}
    </>
  );
}
