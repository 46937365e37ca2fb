import { Tabs } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import { errorOf, useCheck } from '@/api/check';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useMadeVersion } from '@/api/versions';
import { PanelSkeleton, ProblemNote, useSearchParams } from '@/ui';
import { sameJSON } from '@/ui/code/text';
import { touched } from '@/ui/draft';
import { SaveBar } from '@/ui/SaveBar';
import { SavedNote } from '@/ui/SavedNote';
import { TargetsHealth } from './TargetsHealth';
import { UpstreamFields, type UpstreamInput } from './UpstreamFields';

const DocumentEditor = lazy(() => import('@/ui/code/DocumentEditor').then((m) => ({ default: m.DocumentEditor })));

const empty: UpstreamInput = { name: '', targets: [{ url: '' }] };

function inputOf({ id: _, created_at: __, updated_at: ___, ...input }: Schemas['Upstream']): UpstreamInput {
  return input;
}

/** Edits one draft of an upstream, as a form and as a document. */
export function UpstreamEditor({ gateway, upstream }: { gateway: string; upstream?: Schemas['Upstream'] }) {
  const navigate = useNavigate();
  const may = useMay('gateways:write');
  const [search, setSearch] = useSearchParams();
  const [base, setBase] = useState(upstream);
  const initial = useMemo(() => (base ? inputOf(base) : empty), [base]);
  const [draft, setDraft] = useState(initial);
  const [tried, setTried] = useState(false);
  const [saved, setSaved] = useState(false);
  const made = useMadeVersion(gateway);
  const dirty = !sameJSON(draft, initial);
  const body = useMemo(() => ({ name: base?.name, upstream: draft }), [base, draft]);
  const check = useCheck(gateway, body, may && dirty);
  const errors = check.problem?.code === 'name_taken' ? [{ pointer: '/name', detail: 'is taken by another upstream' }] : check.errors;
  const errorAt = useCallback(
    (pointer: string, deep = false) => (tried || base || touched(initial, draft, pointer) ? errorOf(errors, pointer, deep) : undefined),
    [tried, base, initial, draft, errors],
  );
  const wrong = dirty && check.settled && check.problem ? Math.max(1, errors.length) : 0;
  const rest = errors.filter((e) => e.pointer === '');
  const save = async () => {
    const { data } = base
      ? await api.PUT('/v1/gateways/{gateway}/upstreams/{name}', { params: { path: { gateway, name: base.name }, header: { 'If-Match': etagOf(base) } }, body: draft })
      : await api.POST('/v1/gateways/{gateway}/upstreams', { params: { path: { gateway } }, body: draft });
    await refresh('/v1/gateways/{gateway}/upstreams', '/v1/gateways/{gateway}/routes', '/v1/gateways/{gateway}/versions');
    if (!data) return;
    if (base?.name !== data.name) {
      await navigate({ to: '/gateways/$gw/upstreams/$name', params: { gw: gateway, name: data.name }, search: base ? search : { saved: 'yes' }, replace: Boolean(base) });
    }
    setBase(data);
    setDraft(inputOf(data));
    setTried(false);
    setSaved(true);
  };
  return (
    <>
      {saved || search.saved ? (
        <SavedNote
          gateway={gateway}
          version={made ?? 0}
          onClose={() => {
            setSaved(false);
            setSearch({ saved: undefined });
          }}
        />
      ) : null}
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
        <SaveBar
          action={base ? 'Save the upstream' : 'Make the upstream'}
          dirty={dirty}
          fresh={!base}
          wrong={wrong}
          checking={!check.settled}
          changes={check.changes}
          onTry={() => setTried(true)}
          onSave={save}
          onReset={base ? () => setDraft(initial) : undefined}
        />
      ) : null}
    </>
  );
}
