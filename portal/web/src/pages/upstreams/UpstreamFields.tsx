import { Accordion, MultiSelect, NumberInput, Select, SimpleGrid, Stack, Switch, TagsInput, Textarea, TextInput, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Schemas } from '@/api/client';
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

interface PartProps {
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
          <Item value="health" title="Health checks" text={draft.health ? `${draft.health.type.toUpperCase()} every ${draft.health.interval ?? '10s'}` : 'Off: only real requests tell'}>
            <Health {...part} />
          </Item>
          <Item value="outlier" title="Outlier detection" text={draft.outlier_detection?.disabled ? 'Off' : 'Targets that fail in a row rest for a while'}>
            <Outliers {...part} />
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

interface DurationFieldProps {
  label: string;
  placeholder: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  error?: string;
  disabled: boolean;
}

function DurationField({ value, onChange, ...rest }: DurationFieldProps) {
  return <TextInput {...rest} value={value ?? ''} onChange={(e) => onChange(e.currentTarget.value || undefined)} spellCheck={false} />;
}

function CountField({ value, onChange, ...rest }: Omit<DurationFieldProps, 'value' | 'onChange'> & { value: number | undefined; onChange: (value: number | undefined) => void }) {
  return <NumberInput {...rest} min={0} value={value ?? ''} onChange={(v) => onChange(v === '' ? undefined : Number(v))} />;
}

function Health({ draft, set, errorAt, disabled }: PartProps) {
  const health = draft.health;
  const change = (next: Partial<NonNullable<typeof health>>) => set({ health: compact({ type: 'http' as const, ...health, ...next }) });
  return (
    <>
      <Select
        label="Each edge asks every target"
        data={[
          { value: '', label: 'No' },
          { value: 'http', label: 'By an HTTP request' },
          { value: 'tcp', label: 'By opening a connection' },
        ]}
        value={health?.type ?? ''}
        allowDeselect={false}
        onChange={(v) => (v ? change({ type: v as 'http' }) : set({ health: undefined }))}
        maw="22rem"
        disabled={disabled}
      />
      {health ? (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          {health.type === 'http' ? (
            <>
              <TextInput label="Path" placeholder="/" value={health.path ?? ''} onChange={(e) => change({ path: e.currentTarget.value })} error={errorAt('/health/path')} disabled={disabled} />
              <TextInput label="Host" placeholder="the target’s" value={health.host ?? ''} onChange={(e) => change({ host: e.currentTarget.value })} error={errorAt('/health/host')} disabled={disabled} />
              <TagsInput
                label="Healthy answers"
                placeholder={health.statuses?.length ? undefined : '200 to 399'}
                value={(health.statuses ?? []).map(String)}
                onChange={(list) => change({ statuses: list.map(Number).filter((n) => Number.isInteger(n)) })}
                error={errorAt('/health/statuses', true)}
                disabled={disabled}
              />
            </>
          ) : null}
          <DurationField label="Every" placeholder="10s" value={health.interval} onChange={(interval) => change({ interval })} error={errorAt('/health/interval')} disabled={disabled} />
          <DurationField label="Timeout" placeholder="2s" value={health.timeout} onChange={(timeout) => change({ timeout })} error={errorAt('/health/timeout')} disabled={disabled} />
          <CountField label="Failures that take it out" placeholder="3" value={health.unhealthy} onChange={(unhealthy) => change({ unhealthy })} error={errorAt('/health/unhealthy')} disabled={disabled} />
          <CountField label="Successes that bring it back" placeholder="2" value={health.healthy} onChange={(healthy) => change({ healthy })} error={errorAt('/health/healthy')} disabled={disabled} />
        </SimpleGrid>
      ) : null}
    </>
  );
}

function Outliers({ draft, set, errorAt, disabled }: PartProps) {
  const outlier = draft.outlier_detection ?? {};
  const change = (next: Partial<typeof outlier>) => set({ outlier_detection: compact({ ...outlier, ...next }) });
  return (
    <>
      <Switch
        label="Let targets rest that fail real requests"
        checked={!outlier.disabled}
        onChange={(e) => change({ disabled: e.currentTarget.checked ? undefined : true })}
        disabled={disabled}
      />
      {outlier.disabled ? null : (
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <CountField label="Failures in a row" placeholder="5" value={outlier.consecutive_errors} onChange={(consecutive_errors) => change({ consecutive_errors })} error={errorAt('/outlier_detection/consecutive_errors')} disabled={disabled} />
          <DurationField label="Rest" placeholder="30s" value={outlier.base_ejection} onChange={(base_ejection) => change({ base_ejection })} error={errorAt('/outlier_detection/base_ejection')} disabled={disabled} />
          <CountField label="At most, % of targets" placeholder="50" value={outlier.max_ejected_percent} onChange={(max_ejected_percent) => change({ max_ejected_percent })} error={errorAt('/outlier_detection/max_ejected_percent')} disabled={disabled} />
        </SimpleGrid>
      )}
    </>
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
          data={['reset', 'timeout', '502', '503', '504']}
          value={retries.on ?? []}
          onChange={(on) => change({ on: on as NonNullable<typeof retries.on> })}
          error={errorAt('/retries/on', true)}
          disabled={disabled}
        />
      </SimpleGrid>
    </>
  );
}

function Connections({ draft, set, errorAt, disabled }: PartProps) {
  const tls = draft.tls ?? {};
  const keepalive = draft.keepalive ?? {};
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <Select
          label="Protocol"
          data={Object.entries(protocols).map(([value, label]) => ({ value, label }))}
          value={draft.protocol ?? 'http1'}
          allowDeselect={false}
          onChange={(v) => set({ protocol: v as UpstreamInput['protocol'] })}
          error={errorAt('/protocol')}
          disabled={disabled}
        />
        <CountField
          label="Idle connections kept"
          placeholder="default"
          value={keepalive.max_idle}
          onChange={(max_idle) => set({ keepalive: compact({ ...keepalive, max_idle }) })}
          error={errorAt('/keepalive/max_idle')}
          disabled={disabled}
        />
        <DurationField
          label="For"
          placeholder="default"
          value={keepalive.idle_timeout}
          onChange={(idle_timeout) => set({ keepalive: compact({ ...keepalive, idle_timeout }) })}
          error={errorAt('/keepalive/idle_timeout')}
          disabled={disabled}
        />
      </SimpleGrid>
      <Textarea
        label="Trusted certificates"
        description="In PEM, instead of the system’s, for backends with a certificate of your own authority."
        placeholder="-----BEGIN CERTIFICATE-----"
        value={tls.ca_pem ?? ''}
        onChange={(e) => set({ tls: compact({ ...tls, ca_pem: e.currentTarget.value }) })}
        error={errorAt('/tls/ca_pem')}
        autosize
        minRows={2}
        maxRows={10}
        spellCheck={false}
        classNames={{ input: 'tg-mono' }}
        disabled={disabled}
      />
      <Switch
        label="Don’t check the backend’s certificate"
        description="Only where the operator of this Tollgate allows private upstreams. Anybody in between could answer for your backend."
        checked={tls.skip_verify ?? false}
        onChange={(e) => set({ tls: compact({ ...tls, skip_verify: e.currentTarget.checked || undefined }) })}
        error={errorAt('/tls/skip_verify')}
        disabled={disabled}
      />
    </>
  );
}
