import { Alert, Text } from '@mantine/core';
import { lazy, Suspense, useMemo, useState } from 'react';
import { $api, api, etagOf, type Schemas } from '@/api/client';
import { errorOf, useCheck } from '@/api/check';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useMadeVersion } from '@/api/versions';
import { useGatewayName } from '@/shell/useGateway';
import { ErrorState, FormSkeleton, PageHeader, PanelSkeleton, ProblemNote, useSearchParams } from '@/ui';
import { sameJSON } from '@/ui/code/text';
import { SaveBar } from '@/ui/SaveBar';
import { SavedNote } from '@/ui/SavedNote';
import { Tabs } from '@mantine/core';
import { PolicyList } from './PolicyList';
import { usePolicyTypes, type Catalogue, type Policy } from './usePolicyTypes';

const DocumentEditor = lazy(() => import('@/ui/code/DocumentEditor').then((m) => ({ default: m.DocumentEditor })));

export default function PoliciesPage() {
  const gateway = useGatewayName();
  const { catalogue, error, retry } = usePolicyTypes();
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/policies', { params: { path: { gateway } } });
  const wrong = error ?? query.error;
  return (
    <>
      <PageHeader
        title="Policies"
        description="What holds for every route of this gateway. A route’s own policy of the same type replaces it there; limits add up."
        docs="/docs/policies"
      />
      {catalogue && query.data ? (
        <GatewayPolicies gateway={gateway} catalogue={catalogue} policies={query.data} />
      ) : wrong ? (
        <ErrorState
          error={wrong}
          retry={() => {
            retry();
            void query.refetch();
          }}
        />
      ) : (
        <FormSkeleton />
      )}
    </>
  );
}

function GatewayPolicies({ gateway, catalogue, policies }: { gateway: string; catalogue: Catalogue; policies: Schemas['Policies'] }) {
  const may = useMay('gateways:write');
  const [search, setSearch] = useSearchParams();
  const [base, setBase] = useState(policies);
  const [draft, setDraft] = useState<Policy[]>(policies.items);
  const [saved, setSaved] = useState(false);
  const made = useMadeVersion(gateway);
  const dirty = !sameJSON(draft, base.items);
  const body = useMemo(() => ({ policies: draft }), [draft]);
  const check = useCheck(gateway, body, may && dirty);
  const wrong = dirty && check.settled && check.problem ? Math.max(1, check.errors.length) : 0;
  const elsewhere = check.errors.filter((e) => !/^\/\d+(\/|$)/.test(e.pointer));
  const save = async () => {
    const { data } = await api.PUT('/v1/gateways/{gateway}/policies', {
      params: { path: { gateway }, header: { 'If-Match': etagOf(base) } },
      body: { items: draft },
    });
    await refresh('/v1/gateways/{gateway}/policies', '/v1/gateways/{gateway}/versions');
    if (!data) return;
    setBase(data);
    setDraft(data.items);
    setSaved(true);
  };
  return (
    <>
      {saved ? <SavedNote gateway={gateway} version={made ?? 0} onClose={() => setSaved(false)} /> : null}
      <Tabs value={search.tab ?? 'list'} onChange={(tab) => setSearch({ tab: tab === 'list' ? undefined : (tab ?? undefined) })} keepMounted={false} mt="sm" maw="56rem">
        <Tabs.List mb="lg">
          <Tabs.Tab value="list">In order</Tabs.Tab>
          <Tabs.Tab value="code">YAML and JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="list">
          {draft.length === 0 ? (
            <Alert variant="light" color="gray" mb="md" title="No policies yet">
              <Text size="sm">
                Begin with who may call: an API key policy here asks every caller of every route for a key. Then add limits. They run phase by phase: guard,
                authenticate, authorize, limit, transform, cache.
              </Text>
            </Alert>
          ) : (
            <Text size="sm" c="dimmed" mb="md">
              They run phase by phase. Inside a phase drag them, use the arrows, or Alt with the arrow keys.
            </Text>
          )}
          <PolicyList catalogue={catalogue} gateway={gateway} policies={draft} onChange={setDraft} errorAt={(pointer) => errorOf(check.errors, pointer)} disabled={!may} />
        </Tabs.Panel>
        <Tabs.Panel value="code">
          <Suspense fallback={<PanelSkeleton lines={10} />}>
            <DocumentEditor
              label={`The policies of ${gateway}`}
              value={{ items: draft }}
              onChange={(value) => (Array.isArray(value.items) ? setDraft(value.items as Policy[]) : undefined)}
              readOnly={!may}
            />
          </Suspense>
        </Tabs.Panel>
      </Tabs>
      {wrong > 0 && (elsewhere.length > 0 || check.errors.length === 0 || search.tab === 'code') ? (
        <ProblemNote problem={check.problem} rest={search.tab === 'code' ? check.errors : elsewhere} />
      ) : null}
      {may ? (
        <SaveBar
          action="Save the policies"
          dirty={dirty}
          wrong={wrong}
          checking={!check.settled}
          changes={check.changes}
          onTry={() => undefined}
          onSave={save}
          onReset={() => setDraft(base.items)}
        />
      ) : null}
    </>
  );
}
