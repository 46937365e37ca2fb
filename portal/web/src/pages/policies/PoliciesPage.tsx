import { Alert, Tabs, Text } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { $api, api, etagOf, type Schemas } from '@/api/client';
import { errorOf } from '@/api/check';
import { refresh } from '@/api/queries';
import { useGatewayName } from '@/shell/useGateway';
import { ErrorState, FormSkeleton, PageHeader, PanelSkeleton, ProblemNote, useSearchParams } from '@/ui';
import { SaveBar } from '@/ui/SaveBar';
import { useDraft } from '@/ui/useDraft';
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

interface Input {
  items: Policy[];
}

const inputOf = ({ items }: Schemas['Policies']): Input => ({ items });
const bodyOf = ({ items }: Input) => ({ policies: items });

function GatewayPolicies({ gateway, catalogue, policies }: { gateway: string; catalogue: Catalogue; policies: Schemas['Policies'] }) {
  const [search, setSearch] = useSearchParams();
  const { draft, setDraft, may, check, note, bar } = useDraft<Schemas['Policies'], Input>({
    gateway,
    saved: policies,
    start: policies,
    inputOf,
    bodyOf,
    save: async (body, before = policies) => {
      const { data } = await api.PUT('/v1/gateways/{gateway}/policies', { params: { path: { gateway }, header: { 'If-Match': etagOf(before) } }, body });
      await refresh('/v1/gateways/{gateway}/policies', '/v1/gateways/{gateway}/versions');
      return data;
    },
  });
  const elsewhere = check.errors.filter((e) => !/^\/\d+(\/|$)/.test(e.pointer));
  return (
    <>
      {note}
      <Tabs value={search.tab ?? 'list'} onChange={(tab) => setSearch({ tab: tab === 'list' ? undefined : (tab ?? undefined) })} keepMounted={false} mt="sm" maw="56rem">
        <Tabs.List mb="lg">
          <Tabs.Tab value="list">In order</Tabs.Tab>
          <Tabs.Tab value="code">YAML and JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="list">
          {draft.items.length === 0 ? (
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
          <PolicyList catalogue={catalogue} gateway={gateway} policies={draft.items} onChange={(items) => setDraft({ items })} errorAt={(pointer, deep) => errorOf(check.errors, pointer, deep)} disabled={!may} />
        </Tabs.Panel>
        <Tabs.Panel value="code">
          <Suspense fallback={<PanelSkeleton lines={10} />}>
            <DocumentEditor
              label={`The policies of ${gateway}`}
              value={draft}
              onChange={(value) => (Array.isArray(value.items) ? setDraft({ items: value.items as Policy[] }) : undefined)}
              readOnly={!may}
            />
          </Suspense>
        </Tabs.Panel>
      </Tabs>
      {bar.wrong > 0 && (elsewhere.length > 0 || check.errors.length === 0 || search.tab === 'code') ? (
        <ProblemNote problem={check.problem} rest={search.tab === 'code' ? check.errors : elsewhere} />
      ) : null}
      {may ? (
        <SaveBar action="Save the policies" {...bar} />
      ) : null}
    </>
  );
}
