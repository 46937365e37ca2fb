import { Accordion, MultiSelect, Select, SimpleGrid, Stack, TextInput, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Schemas } from '@/api/client';
import { Connections } from './ConnectionFields';
import { CountField, DurationField } from './fields';
import { HealthFields, OutlierFields } from './HealthFields';
import { BreakerFields, LoadFields, SessionFields } from './LoadFields';
import { Targets } from './Targets';
import { algorithms, compact, protocols } from './words';

export type UpstreamInput = Schemas['UpstreamInput'];

export interface UpstreamFieldsProps {
  draft: UpstreamInput;
  onChange: (draft: UpstreamInput) => void;
  errorAt: (pointer: string, deep?: boolean) => string | undefined;
  disabled: boolean;
  fresh: boolean;
}

export interface PartProps {
  draft: UpstreamInput;
  set: (change: Partial<UpstreamInput>) => void;
  errorAt: UpstreamFieldsProps['errorAt'];
  disabled: boolean;
}

/** Everything of an upstream. What is left empty keeps its default. */
export function UpstreamFields({ draft, onChange, errorAt, disabled, fresh }: UpstreamFieldsProps) {
  const set = (change: Partial<UpstreamInput>) => onChange(compact({ ...draft, ...change }) as UpstreamInput);
  const part = { draft, set, errorAt, disabled };
  return (
    <Stack gap="xl" maw="46rem">
      <TextInput
        label="Name"
        withAsterisk={fresh}
        description={fresh ? 'Letters, digits, dots, underscores and hyphens.' : 'A new name is taken over by the routes that use it.'}
        value={draft.name ?? ''}
        onChange={(e) => onChange({ ...draft, name: e.currentTarget.value })}
        error={errorAt('/name')}
        spellCheck={false}
        autoComplete="off"
        disabled={disabled}
        data-autofocus={fresh ? true : undefined}
      />
      <Targets value={draft.targets ?? []} onChange={(targets) => onChange({ ...draft, targets })} errorAt={errorAt} disabled={disabled} />
      <Balancing {...part} />
      <Stack gap="sm" component="section">
        <Title order={2}>More</Title>
        <Accordion variant="contained" chevronPosition="left" multiple>
          <Item value="health" title="Health checks" text={draft.health ? `${draft.health.type.toUpperCase()} every ${draft.health.interval ?? '2s'}` : 'Off: only real requests tell'}>
            <HealthFields {...part} />
          </Item>
          <Item value="outlier" title="Outlier detection" text={draft.outlier_detection?.disabled ? 'Off' : 'Targets that fail in a row rest for a while'}>
            <OutlierFields {...part} />
          </Item>
          <Item value="breaker" title="Circuit breaker" text={draft.circuit_breaker ? 'On' : 'Off'}>
            <BreakerFields {...part} />
          </Item>
          <Item value="load" title="Limits and slow start" text={draft.max_requests ? `${draft.max_requests} requests at once for each target` : 'No limit'}>
            <LoadFields {...part} />
          </Item>
          <Item value="sessions" title="Sessions" text={draft.session_persistence ? 'Callers stay with their target' : 'Off'}>
            <SessionFields {...part} />
          </Item>
          <Item value="timeouts" title="Timeouts and retries" text={draft.retries?.attempts ? `${draft.retries.attempts} further tries` : 'Defaults'}>
            <Patience {...part} />
          </Item>
          <Item value="connections" title="Connections and TLS" text={protocols[draft.protocol ?? 'http1']}>
            <Connections {...part} />
          </Item>
        </Accordion>
      </Stack>
    </Stack>
  );
}

function Item({ value, title, text, children }: { value: string; title: string; text: string; children: ReactNode }) {
  return (
    <Accordion.Item value={value}>
      <Accordion.Control>
        {title} <span style={{ color: 'var(--mantine-color-dimmed)', fontSize: '0.875em', marginLeft: 8 }}>{text}</span>
      </Accordion.Control>
      <Accordion.Panel>
        <Stack gap="md">{children}</Stack>
      </Accordion.Panel>
    </Accordion.Item>
  );
}

const sources = [
  { value: 'header', label: 'Header field' },
  { value: 'cookie', label: 'Cookie' },
  { value: 'query', label: 'Query parameter' },
  { value: 'path_param', label: 'Path parameter' },
  { value: 'ip', label: 'Caller’s address' },
];

function Balancing({ draft, set, errorAt, disabled }: PartProps) {
  const algorithm = draft.algorithm ?? 'round_robin';
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      <Select
        label="Balancing"
        description={algorithms[algorithm].text}
        data={Object.entries(algorithms).map(([value, { label }]) => ({ value, label }))}
        value={algorithm}
        allowDeselect={false}
        onChange={(v) => set({ algorithm: v as UpstreamInput['algorithm'], hash_on: v === 'consistent_hash' ? (draft.hash_on ?? { source: 'header', name: '' }) : undefined })}
        error={errorAt('/algorithm')}
        disabled={disabled}
      />
      <Select
        label="When all targets are down"
        description="Try them all the same, or answer 503 at once."
        data={[
          { value: 'try_all', label: 'Try them all' },
          { value: 'refuse', label: 'Refuse' },
        ]}
        value={draft.when_all_down ?? 'try_all'}
        allowDeselect={false}
        onChange={(v) => set({ when_all_down: v as UpstreamInput['when_all_down'] })}
        disabled={disabled}
      />
      {algorithm === 'consistent_hash' ? (
        <>
          <Select
            label="Value"
            data={sources}
            value={draft.hash_on?.source ?? 'header'}
            allowDeselect={false}
            onChange={(v) => set({ hash_on: { source: v as 'header', name: v === 'ip' ? undefined : draft.hash_on?.name } })}
            error={errorAt('/hash_on')}
            disabled={disabled}
          />
          {draft.hash_on?.source === 'ip' ? null : (
            <TextInput
              label="Its name"
              value={draft.hash_on?.name ?? ''}
              onChange={(e) => set({ hash_on: { source: draft.hash_on?.source ?? 'header', name: e.currentTarget.value } })}
              error={errorAt('/hash_on/name')}
              disabled={disabled}
            />
          )}
        </>
      ) : null}
    </SimpleGrid>
  );
}

const timeouts = [
  ['connect', 'Connect'],
  ['per_try', 'Each try'],
  ['total', 'In all'],
  ['idle', 'Silence'],
] as const;

function Patience({ draft, set, errorAt, disabled }: PartProps) {
  const retries = draft.retries ?? {};
  const change = (next: Partial<typeof retries>) => set({ retries: compact({ ...retries, ...next }) });
  return (
    <>
      <SimpleGrid cols={{ base: 2, sm: 4 }}>
        {timeouts.map(([key, label]) => (
          <DurationField
            key={key}
            label={label}
            placeholder="default"
            value={draft.timeouts?.[key]}
            onChange={(value) => set({ timeouts: compact({ ...draft.timeouts, [key]: value }) })}
            error={errorAt(`/timeouts/${key}`)}
            disabled={disabled}
          />
        ))}
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <CountField label="Further tries" placeholder="default" value={retries.attempts} onChange={(attempts) => change({ attempts })} error={errorAt('/retries/attempts')} disabled={disabled} />
        <CountField label="At most, % of requests" placeholder="default" value={retries.budget_percent} onChange={(budget_percent) => change({ budget_percent })} error={errorAt('/retries/budget_percent')} disabled={disabled} />
        <MultiSelect
          label="After"
          placeholder={retries.on?.length ? undefined : 'default'}
          data={['reset', 'timeout', '500', '502', '503', '504']}
          value={retries.on ?? []}
          onChange={(on) => change({ on: on as NonNullable<typeof retries.on> })}
          error={errorAt('/retries/on', true)}
          disabled={disabled}
        />
        <DurationField label="Pause up to" placeholder="25ms" value={retries.backoff} onChange={(backoff) => change({ backoff })} error={errorAt('/retries/backoff')} disabled={disabled} />
        <DurationField label="At most" placeholder="250ms" value={retries.max_backoff} onChange={(max_backoff) => change({ max_backoff })} error={errorAt('/retries/max_backoff')} disabled={disabled} />
      </SimpleGrid>
    </>
  );
}
