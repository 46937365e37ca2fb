import { Anchor, Fieldset, SegmentedControl, Select, Stack, Text } from '@mantine/core';
import { SchemaForm } from '@/pages/policies/SchemaForm';
import { startOf } from '@/pages/policies/schema';
import { UpstreamSelect } from '@/pages/policies/UpstreamSelect';
import type { Catalogue } from '@/pages/policies/usePolicyTypes';
import type { PartProps } from './RouteFields';

export interface DestinationProps extends PartProps {
  gateway: string;
  catalogue: Catalogue;
}

/** Where a route's requests go: to an upstream, or to an integration that answers in its place. */
export function Destination({ gateway, catalogue, draft, set, errorAt, disabled }: DestinationProps) {
  const { integration } = draft;
  const types = catalogue.types.filter((t) => t.phase === 'integrate');
  const choose = (type: string) => set({ upstream: undefined, websocket: undefined, integration: { type, config: startOf(catalogue.find(type)?.schema ?? {}) } });
  return (
    <>
      <SegmentedControl
        aria-label="Where it goes"
        data={[
          { value: 'upstream', label: 'Upstream' },
          { value: 'integration', label: 'Integration' },
        ]}
        value={integration ? 'integration' : 'upstream'}
        onChange={(to) => (to === 'upstream' ? set({ integration: undefined }) : choose(types[0]?.type ?? ''))}
        disabled={disabled || types.length === 0}
        style={{ alignSelf: 'flex-start' }}
      />
      {integration ? (
        <Integration gateway={gateway} type={integration.type} onType={choose} draft={draft} set={set} errorAt={errorAt} disabled={disabled} catalogue={catalogue} />
      ) : (
        <UpstreamSelect
          gateway={gateway}
          description="None only where a policy always answers, such as a mock or a redirect."
          value={draft.upstream ?? ''}
          onChange={(upstream) => set({ upstream: upstream || undefined })}
          error={errorAt('/upstream') ?? errorAt('/integration')}
          disabled={disabled}
        />
      )}
    </>
  );
}

interface IntegrationProps extends DestinationProps {
  type: string;
  onType: (type: string) => void;
}

function Integration({ gateway, catalogue, type, onType, draft, set, errorAt, disabled }: IntegrationProps) {
  const about = catalogue.find(type);
  return (
    <Stack gap="md">
      <Select
        label="Integration"
        description="Answers in the place of an upstream, behind the route’s policies."
        data={catalogue.types.filter((t) => t.phase === 'integrate').map((t) => ({ value: t.type, label: t.title }))}
        value={type || null}
        onChange={(next) => (next ? onType(next) : undefined)}
        error={errorAt('/integration/type') ?? errorAt('/integration')}
        allowDeselect={false}
        disabled={disabled}
        withAsterisk
        maw="18rem"
      />
      {about ? (
        <Fieldset legend={about.title}>
          <Text size="sm" c="dimmed" mb="md">
            {about.schema.description}{' '}
            <Anchor href={`/docs/policies/${about.type}`} underline="always" inherit>
              How it works
            </Anchor>
          </Text>
          <SchemaForm
            key={type}
            schema={about.schema}
            value={draft.integration?.config ?? {}}
            onChange={(config) => set({ integration: { type, config } })}
            gateway={gateway}
            errorAt={(pointer, deep = true) => errorAt(`/integration/config${pointer}`, deep)}
            disabled={disabled}
          />
        </Fieldset>
      ) : (
        <Text size="sm">This Tollgate has no integration {type}.</Text>
      )}
    </Stack>
  );
}
