import { Badge, Stack, Tabs, Text, Title } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import { errorOf } from '@/api/check';
import { TryPanel } from '@/pages/explain/TryPanel';
import { usePartDraft } from '@/pages/parts/usePartDraft';
import { PolicyList } from '@/pages/policies/PolicyList';
import type { Catalogue, Policy } from '@/pages/policies/usePolicyTypes';
import { ChartSkeleton, PanelSkeleton, ProblemNote, useSearchParams } from '@/ui';
import { SaveBar } from '@/ui/SaveBar';
import { InheritedPolicies } from './InheritedPolicies';
import { hasSchedule } from './release';
import { RouteFields, type RouteInput } from './RouteFields';

const ReleasePanel = lazy(() => import('./ReleasePanel').then((m) => ({ default: m.ReleasePanel })));
const DocumentEditor = lazy(() => import('@/ui/code/DocumentEditor').then((m) => ({ default: m.DocumentEditor })));

export interface RouteEditorProps {
  gateway: string;
  /** Left out for a new one. */
  route?: Schemas['Route'];
  /** What a new one begins with. */
  start?: RouteInput;
  catalogue: Catalogue;
  /** The gateway's policies, which the route inherits. */
  policies: Policy[];
}

const empty: RouteInput = { name: '', match: { path: '' } };
const bodyOf = (route: RouteInput, base?: Schemas['Route']) => ({ name: base?.name, route });

/** Edits one draft of a route, as a form and as a document, checked by the API while it is written. */
export function RouteEditor({ gateway, route, start, catalogue, policies }: RouteEditorProps) {
  const [search, setSearch] = useSearchParams();
  const { base, draft, setDraft, dirty, may, check, errors, strict, errorAt, note, bar } = usePartDraft<Schemas['Route'], RouteInput>({
    gateway,
    saved: route,
    start: start ?? empty,
    bodyOf,
    nameTaken: 'is taken by another route',
    changes: ['/v1/gateways/{gateway}/routes'],
    page: '/gateways/$gw/routes/$name',
    send: (body, before) =>
      before
        ? api.PUT('/v1/gateways/{gateway}/routes/{name}', { params: { path: { gateway, name: before.name }, header: { 'If-Match': etagOf(before) } }, body })
        : api.POST('/v1/gateways/{gateway}/routes', { params: { path: { gateway } }, body }),
  });
  const own = draft.policies ?? [];
  const scheduled = hasSchedule(base?.policies);
  // A tab that is not there any more leads nowhere.
  const tab = search.tab === 'release' && !scheduled ? 'route' : (search.tab ?? 'route');
  const editing = tab !== 'code' && tab !== 'release';
  const placed = (e: { pointer: string }) => /^\/(name|match|policies|upstream|integration|public|timeout|max_body_bytes|priority|websocket)(\/|$)/.test(e.pointer);
  const rest = errors.filter((e) => !placed(e));
  return (
    <>
      {note}
      <Tabs value={tab} onChange={(tab) => setSearch({ tab: tab === 'route' ? undefined : (tab ?? undefined) })} keepMounted={false} mt="sm">
        <Tabs.List mb="lg">
          <Tabs.Tab value="route">Route</Tabs.Tab>
          <Tabs.Tab value="policies" rightSection={own.length > 0 ? <Badge size="sm" variant="light" color="gray" circle>{own.length}</Badge> : null}>
            Policies
          </Tabs.Tab>
          <Tabs.Tab value="code">YAML and JSON</Tabs.Tab>
          {scheduled ? <Tabs.Tab value="release">Release</Tabs.Tab> : null}
          {base ? <Tabs.Tab value="try">Try it</Tabs.Tab> : null}
        </Tabs.List>
        <Tabs.Panel value="route">
          <RouteFields gateway={gateway} catalogue={catalogue} draft={draft} onChange={setDraft} errorAt={errorAt} disabled={!may} fresh={!base} />
        </Tabs.Panel>
        <Tabs.Panel value="policies">
          <Stack gap="xl" maw="52rem">
            <section>
              <Title order={2}>Of this route</Title>
              <Text size="sm" c="dimmed" mb="sm">
                They run phase by phase. Inside a phase drag them, use the arrows, or Alt with the arrow keys.
              </Text>
              <PolicyList
                catalogue={catalogue}
                gateway={gateway}
                policies={own}
                onChange={(list) => setDraft({ ...draft, policies: list.length > 0 ? list : undefined })}
                errorAt={(pointer, deep) => errorOf(errors, `/policies${pointer}`, deep)}
                disabled={!may}
              />
            </section>
            <InheritedPolicies gateway={gateway} catalogue={catalogue} ofGateway={policies} ofRoute={own} />
          </Stack>
        </Tabs.Panel>
        <Tabs.Panel value="code">
          <Suspense fallback={<PanelSkeleton lines={10} />}>
            <DocumentEditor label={`The route ${draft.name ?? ''}`} value={draft} onChange={(value) => setDraft(value as unknown as RouteInput)} readOnly={!may} />
          </Suspense>
          <ProblemNote problem={dirty && check.settled ? check.problem : undefined} />
        </Tabs.Panel>
        {base && scheduled ? (
          <Tabs.Panel value="release">
            <Suspense fallback={<ChartSkeleton height={300} />}>
              <ReleasePanel gateway={gateway} route={base.name} />
            </Suspense>
          </Tabs.Panel>
        ) : null}
        <Tabs.Panel value="try">
          <TryPanel gateway={gateway} route={base?.name} pattern={draft.match?.path} method={draft.match?.methods?.[0]} unsaved={dirty} />
        </Tabs.Panel>
      </Tabs>
      {editing && rest.length > 0 && strict ? <ProblemNote problem={check.problem} rest={rest} /> : null}
      {editing && check.problem && errors.length === 0 ? <ProblemNote problem={check.problem} /> : null}
      {may && tab !== 'try' && tab !== 'release' ? (
        <SaveBar action={base ? 'Save the route' : 'Make the route'} {...bar} />
      ) : null}
    </>
  );
}
