import { Alert, Select, SimpleGrid, Stack, Switch, Textarea, TextInput, Title } from '@mantine/core';
import { $api, type Schemas } from '@/api/client';
import { CountField, DurationField } from '../upstreams/fields';
import { compact } from '../upstreams/words';
import { endpoint, linesOf, protocols, schemeOf } from './words';

export type StreamInput = Schemas['StreamInput'];

export interface StreamFieldsProps {
  gateway: string;
  draft: StreamInput;
  onChange: (draft: StreamInput) => void;
  errorAt: (pointer: string, deep?: boolean) => string | undefined;
  disabled: boolean;
  fresh: boolean;
}

interface PartProps {
  gateway: string;
  draft: StreamInput;
  set: (change: Partial<StreamInput>) => void;
  errorAt: StreamFieldsProps['errorAt'];
  disabled: boolean;
}

/** Everything of a stream. What is left empty keeps its default. */
export function StreamFields({ gateway, draft, onChange, errorAt, disabled, fresh }: StreamFieldsProps) {
  const set = (change: Partial<StreamInput>) => {
    const next = { ...draft, ...change };
    onChange({ ...(compact(next) as StreamInput), protocol: next.protocol, upstream: next.upstream });
  };
  const part = { gateway, draft, set, errorAt, disabled };
  const hostname = $api.useQuery('get', '/v1/gateways/{gateway}', { params: { path: { gateway } } }).data?.hostname;
  const at = endpoint(draft, hostname);
  return (
    <Stack gap="xl" maw="46rem">
      <TextInput
        label="Name"
        withAsterisk={fresh}
        description="Letters, digits, dots, underscores and hyphens."
        value={draft.name ?? ''}
        onChange={(e) => onChange({ ...draft, name: e.currentTarget.value })}
        error={errorAt('/name')}
        spellCheck={false}
        autoComplete="off"
        disabled={disabled}
        data-autofocus={fresh ? true : undefined}
      />
      <Where {...part} />
      {!fresh && at ? (
        <Alert variant="light" title="Clients connect to">
          <span className="tg-mono">{at}</span>
        </Alert>
      ) : null}
      <Who {...part} />
      <Patience {...part} />
    </Stack>
  );
}

function Where({ gateway, draft, set, errorAt, disabled }: PartProps) {
  const tls = draft.protocol === 'tls';
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <Select
          label="Protocol"
          description={protocols[draft.protocol].text}
          data={Object.entries(protocols).map(([value, { label }]) => ({ value, label }))}
          value={draft.protocol}
          allowDeselect={false}
          onChange={(v) => set({ protocol: v as StreamInput['protocol'], port: undefined, sni: undefined, accept_proxy_protocol: undefined })}
          error={errorAt('/protocol')}
          disabled={disabled}
        />
        <UpstreamSelect gateway={gateway} scheme={schemeOf(draft.protocol)} value={draft.upstream} onChange={(upstream) => set({ upstream })} error={errorAt('/upstream')} disabled={disabled} />
      </SimpleGrid>
      {tls ? (
        <Textarea
          label="Server names"
          description="One a line: under the gateway’s own host, or a custom domain. *. stands for one label."
          value={(draft.sni ?? []).join('\n')}
          onChange={(e) => set({ sni: e.currentTarget.value === '' ? undefined : e.currentTarget.value.split('\n') })}
          onBlur={(e) => set({ sni: linesOf(e.currentTarget.value) })}
          error={errorAt('/sni', true)}
          autosize
          minRows={2}
          spellCheck={false}
          disabled={disabled}
        />
      ) : (
        <CountField label="Port" placeholder="a free one is chosen" value={draft.port} onChange={(port) => set({ port })} error={errorAt('/port')} disabled={disabled} />
      )}
    </>
  );
}

interface UpstreamSelectProps {
  gateway: string;
  scheme: string;
  value: string;
  onChange: (name: string) => void;
  error?: string;
  disabled: boolean;
}

/** Chooses among the upstreams whose targets speak the stream's transport. */
function UpstreamSelect({ gateway, scheme, value, onChange, error, disabled }: UpstreamSelectProps) {
  const { data } = $api.useQuery('get', '/v1/gateways/{gateway}/upstreams', { params: { path: { gateway }, query: { limit: 100, q: scheme } } });
  const names = (data?.items ?? []).map((u) => u.name);
  if (value && !names.includes(value)) names.unshift(value);
  return (
    <Select
      label="Upstream"
      description={`Its targets begin with ${scheme}`}
      placeholder={data && names.length === 0 ? `No upstream has ${scheme} targets yet` : 'Choose'}
      searchable
      data={names}
      value={value || null}
      onChange={(name) => onChange(name ?? '')}
      error={error}
      disabled={disabled}
    />
  );
}

function Who({ draft, set, errorAt, disabled }: PartProps) {
  return (
    <Stack gap="md" component="section">
      <Title order={2}>Clients</Title>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {(['allow', 'deny'] as const).map((key) => (
          <Textarea
            key={key}
            label={key === 'allow' ? 'Allowed addresses' : 'Denied addresses'}
            description={key === 'allow' ? 'Addresses or CIDRs, one a line; none allows all.' : 'Refused whatever else allows them.'}
            value={(draft[key] ?? []).join('\n')}
            onChange={(e) => set({ [key]: e.currentTarget.value === '' ? undefined : e.currentTarget.value.split('\n') })}
            onBlur={(e) => set({ [key]: linesOf(e.currentTarget.value) })}
            error={errorAt(`/${key}`, true)}
            autosize
            minRows={2}
            spellCheck={false}
            disabled={disabled}
          />
        ))}
        <CountField label="Connections at once" placeholder="10000 at each edge" value={draft.max_connections} onChange={(max_connections) => set({ max_connections })} error={errorAt('/max_connections')} disabled={disabled} />
        <CountField
          label="Of one address"
          placeholder="256 at each edge"
          value={draft.max_connections_per_ip}
          onChange={(max_connections_per_ip) => set({ max_connections_per_ip })}
          error={errorAt('/max_connections_per_ip')}
          disabled={disabled}
        />
      </SimpleGrid>
      <Select
        label="Tell targets who the client is"
        description="With the PROXY protocol; the targets’ software must expect it."
        data={[
          { value: 'off', label: 'No' },
          ...(draft.protocol === 'udp' ? [] : [{ value: 'v1', label: 'PROXY protocol v1' }]),
          { value: 'v2', label: 'PROXY protocol v2' },
        ]}
        value={draft.proxy_protocol ?? 'off'}
        allowDeselect={false}
        onChange={(v) => set({ proxy_protocol: v === 'off' ? undefined : (v as StreamInput['proxy_protocol']) })}
        error={errorAt('/proxy_protocol')}
        disabled={disabled}
      />
      {draft.protocol === 'tcp' ? (
        <Switch
          label="Clients come through the operator’s proxies"
          description="Takes connections of trusted proxies only, each with a PROXY header that names the client."
          checked={draft.accept_proxy_protocol ?? false}
          onChange={(e) => set({ accept_proxy_protocol: e.currentTarget.checked || undefined })}
          disabled={disabled}
        />
      ) : null}
    </Stack>
  );
}

function Patience({ draft, set, errorAt, disabled }: PartProps) {
  return (
    <Stack gap="md" component="section">
      <Title order={2}>Times</Title>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <DurationField
          label="Silence that ends a connection"
          placeholder={draft.protocol === 'udp' ? '1m' : '5m'}
          value={draft.idle_timeout}
          onChange={(idle_timeout) => set({ idle_timeout })}
          error={errorAt('/idle_timeout')}
          disabled={disabled}
        />
        <DurationField
          label="Connecting to a target"
          placeholder="the upstream’s"
          value={draft.connect_timeout}
          onChange={(connect_timeout) => set({ connect_timeout })}
          error={errorAt('/connect_timeout')}
          disabled={disabled}
        />
      </SimpleGrid>
    </Stack>
  );
}
