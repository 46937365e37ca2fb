import { Input, Select, SimpleGrid, Switch, Textarea, TextInput } from '@mantine/core';
import { SecretPicker } from '@/pages/policies/SecretPicker';
import { useGatewayName } from '@/shell/useGateway';
import { CountField, DurationField } from './fields';
import type { PartProps, UpstreamInput } from './UpstreamFields';
import { compact, protocols } from './words';

/** Connections to targets: their protocol, how many are kept, and TLS. */
export function Connections({ draft, set, errorAt, disabled }: PartProps) {
  const gateway = useGatewayName();
  const tls = draft.tls ?? {};
  const change = (next: Partial<typeof tls>) => set({ tls: compact({ ...tls, ...next }) });
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
        onChange={(e) => change({ ca_pem: e.currentTarget.value })}
        error={errorAt('/tls/ca_pem')}
        autosize
        minRows={2}
        maxRows={10}
        spellCheck={false}
        classNames={{ input: 'tg-mono' }}
        disabled={disabled}
      />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label="Name in the handshake"
          description="Sent as SNI; the certificate must be for it."
          placeholder="the target’s host"
          value={tls.server_name ?? ''}
          onChange={(e) => change({ server_name: e.currentTarget.value })}
          error={errorAt('/tls/server_name')}
          spellCheck={false}
          disabled={disabled}
        />
        <Select
          label="Oldest TLS version"
          description="Older ones are refused."
          data={[
            { value: '1.2', label: 'TLS 1.2' },
            { value: '1.3', label: 'TLS 1.3' },
          ]}
          value={tls.min_version ?? '1.2'}
          allowDeselect={false}
          onChange={(v) => change({ min_version: v === '1.3' ? '1.3' : undefined })}
          error={errorAt('/tls/min_version')}
          disabled={disabled}
        />
      </SimpleGrid>
      <Input.Wrapper labelElement="div" label="Certificate that targets are shown" description="A secret with the certificate, its chain and its private key in PEM; none: none is shown.">
        <SecretPicker
          gateway={gateway}
          label="Certificate that targets are shown"
          value={tls.client_certificate?.secret ?? ''}
          onChange={(secret) => change({ client_certificate: secret === '' ? undefined : { secret } })}
          error={errorAt('/tls/client_certificate', true)}
          clearable
          disabled={disabled}
        />
      </Input.Wrapper>
      <Switch
        label="Don’t check the backend’s certificate"
        description="Only where the operator of this Tollgate allows private upstreams. Anybody in between could answer for your backend."
        checked={tls.skip_verify ?? false}
        onChange={(e) => change({ skip_verify: e.currentTarget.checked || undefined })}
        error={errorAt('/tls/skip_verify')}
        disabled={disabled}
      />
    </>
  );
}
