import { Tabs } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { PanelSkeleton, ProblemNote, useSearchParams } from '@/ui';
import { SaveBar } from '@/ui/SaveBar';
import { useDraft } from '@/ui/useDraft';
import { StreamFields, type StreamInput } from './StreamFields';

const DocumentEditor = lazy(() => import('@/ui/code/DocumentEditor').then((m) => ({ default: m.DocumentEditor })));

const empty: StreamInput = { name: '', protocol: 'tcp', upstream: '' };

function inputOf({ id: _, created_at: __, updated_at: ___, ...input }: Schemas['Stream']): StreamInput {
  return input;
}

const bodyOf = (stream: StreamInput, base?: Schemas['Stream']) => ({ name: base?.name, stream });

/** Edits one draft of a stream, as a form and as a document. */
export function StreamEditor({ gateway, stream }: { gateway: string; stream?: Schemas['Stream'] }) {
  const navigate = useNavigate();
  const [search, setSearch] = useSearchParams();
  const { base, draft, setDraft, dirty, may, check, errors, errorAt, note, bar } = useDraft<Schemas['Stream'], StreamInput>({
    gateway,
    saved: stream,
    start: empty,
    inputOf,
    bodyOf,
    nameTaken: 'is taken by another stream',
    save: async (body, before) => {
      const path = { gateway };
      const { data } = before
        ? await api.PUT('/v1/gateways/{gateway}/streams/{name}', { params: { path: { ...path, name: before.name }, header: { 'If-Match': etagOf(before) } }, body })
        : await api.POST('/v1/gateways/{gateway}/streams', { params: { path }, body });
      await refresh('/v1/gateways/{gateway}/streams', '/v1/gateways/{gateway}/versions');
      if (data && before?.name !== data.name) {
        await navigate({ to: '/gateways/$gw/streams/$name', params: { gw: gateway, name: data.name }, search: before ? search : { saved: 'yes' }, replace: Boolean(before) });
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
          <Tabs.Tab value="form">Stream</Tabs.Tab>
          <Tabs.Tab value="code">YAML and JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="form">
          <StreamFields gateway={gateway} draft={draft} onChange={setDraft} errorAt={errorAt} disabled={!may} fresh={!base} />
        </Tabs.Panel>
        <Tabs.Panel value="code">
          <Suspense fallback={<PanelSkeleton lines={10} />}>
            <DocumentEditor label={`The stream ${draft.name ?? ''}`} value={draft} onChange={(value) => setDraft(value as unknown as StreamInput)} readOnly={!may} />
          </Suspense>
          <ProblemNote problem={dirty && check.settled ? check.problem : undefined} rest={errors} />
        </Tabs.Panel>
      </Tabs>
      {search.tab !== 'code' && check.problem && (rest.length > 0 || errors.length === 0) ? <ProblemNote problem={check.problem} rest={rest} /> : null}
      {may ? (
        <SaveBar action={base ? 'Save the stream' : 'Make the stream'} {...bar} />
      ) : null}
    </>
  );
}
