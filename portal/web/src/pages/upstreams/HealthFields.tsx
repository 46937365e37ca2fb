import { Select, SimpleGrid, Switch, TagsInput, Textarea, TextInput } from '@mantine/core';
import { CountField, DurationField } from './fields';
import type { PartProps } from './UpstreamFields';
import { compact, headerLines, headersOf } from './words';

const kinds = [
  { value: '', label: 'No' },
  { value: 'http', label: 'By an HTTP request' },
  { value: 'tcp', label: 'By opening a connection' },
  { value: 'grpc', label: 'By gRPC’s health service' },
  { value: 'udp', label: 'By a datagram' },
];

/** Active checks of every target. */
export function HealthFields({ draft, set, errorAt, disabled }: PartProps) {
  const health = draft.health;
  const change = (next: Partial<NonNullable<typeof health>>) => set({ health: compact({ type: 'http' as const, ...health, ...next }) });
  const turn = (type: string) => {
    if (!type) return set({ health: undefined });
    const { interval, timeout, unhealthy, healthy } = health ?? {};
    return set({ health: compact({ type: type as 'http', interval, timeout, unhealthy, healthy }) });
  };
  return (
    <>
      <Select label="Each edge asks every target" data={kinds} value={health?.type ?? ''} allowDeselect={false} onChange={(v) => turn(v ?? '')} error={errorAt('/health')} maw="22rem" disabled={disabled} />
      {health ? (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          {health.type === 'http' ? <TextInput label="Path" placeholder="/" value={health.path ?? ''} onChange={(e) => change({ path: e.currentTarget.value })} error={errorAt('/health/path')} disabled={disabled} /> : null}
          {health.type === 'tcp' || health.type === 'udp' ? null : <TextInput label="Host" placeholder="the target’s" value={health.host ?? ''} onChange={(e) => change({ host: e.currentTarget.value })} error={errorAt('/health/host')} disabled={disabled} />}
          {health.type === 'grpc' ? <TextInput label="Service" placeholder="the server as a whole" value={health.service ?? ''} onChange={(e) => change({ service: e.currentTarget.value })} error={errorAt('/health/service')} disabled={disabled} /> : null}
          {health.type === 'udp' ? (
            <>
              <TextInput label="Datagram to send, in base64" placeholder="an empty one" value={health.payload ?? ''} onChange={(e) => change({ payload: e.currentTarget.value })} error={errorAt('/health/payload')} spellCheck={false} classNames={{ input: 'tg-mono' }} disabled={disabled} />
              <TextInput label="Its answer contains" value={health.body_contains ?? ''} onChange={(e) => change({ body_contains: e.currentTarget.value })} error={errorAt('/health/body_contains')} disabled={disabled} />
            </>
          ) : null}
          {health.type === 'http' ? (
            <>
              <TagsInput
                label="Healthy answers"
                placeholder={health.statuses?.length ? undefined : '200 to 399'}
                value={(health.statuses ?? []).map(String)}
                onChange={(list) => change({ statuses: list.map(Number).filter((n) => Number.isInteger(n)) })}
                error={errorAt('/health/statuses', true)}
                disabled={disabled}
              />
              <TextInput label="Its body contains" value={health.body_contains ?? ''} onChange={(e) => change({ body_contains: e.currentTarget.value })} error={errorAt('/health/body_contains')} disabled={disabled} />
              <TextInput label="Its body matches" placeholder="a regular expression" value={health.body_regex ?? ''} onChange={(e) => change({ body_regex: e.currentTarget.value })} error={errorAt('/health/body_regex')} spellCheck={false} disabled={disabled} />
              <Textarea
                label="Header fields to send"
                description="Name: value, one a line."
                defaultValue={headerLines(health.headers)}
                onBlur={(e) => change({ headers: headersOf(e.currentTarget.value) })}
                error={errorAt('/health/headers', true)}
                autosize
                minRows={1}
                maxRows={6}
                spellCheck={false}
                classNames={{ input: 'tg-mono' }}
                disabled={disabled}
              />
            </>
          ) : null}
          <DurationField label="Every" placeholder="2s" value={health.interval} onChange={(interval) => change({ interval })} error={errorAt('/health/interval')} disabled={disabled} />
          <DurationField label="Timeout" placeholder="1s" value={health.timeout} onChange={(timeout) => change({ timeout })} error={errorAt('/health/timeout')} disabled={disabled} />
          <CountField label="Failures that take it out" placeholder="2" value={health.unhealthy} onChange={(unhealthy) => change({ unhealthy })} error={errorAt('/health/unhealthy')} disabled={disabled} />
          <CountField label="Successes that bring it back" placeholder="2" value={health.healthy} onChange={(healthy) => change({ healthy })} error={errorAt('/health/healthy')} disabled={disabled} />
        </SimpleGrid>
      ) : null}
    </>
  );
}

/** What real requests tell of a target. */
export function OutlierFields({ draft, set, errorAt, disabled }: PartProps) {
  const outlier = draft.outlier_detection ?? {};
  const change = (next: Partial<typeof outlier>) => set({ outlier_detection: compact({ ...outlier, ...next }) });
  const at = (name: string) => errorAt(`/outlier_detection/${name}`);
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
          <CountField label="Failures in a row" placeholder="5" value={outlier.consecutive_errors} onChange={(consecutive_errors) => change({ consecutive_errors })} error={at('consecutive_errors')} disabled={disabled} />
          <CountField label="Any 5xx in a row" placeholder="not looked at" value={outlier.consecutive_5xx} onChange={(consecutive_5xx) => change({ consecutive_5xx })} error={at('consecutive_5xx')} disabled={disabled} />
          <CountField label="At least, % of successes" placeholder="not looked at" value={outlier.min_success_percent} onChange={(min_success_percent) => change({ min_success_percent })} error={at('min_success_percent')} disabled={disabled} />
          <CountField label="Of so many requests" placeholder="50" value={outlier.min_requests} onChange={(min_requests) => change({ min_requests })} error={at('min_requests')} disabled={disabled} />
          <DurationField label="Rest" placeholder="5s" value={outlier.base_ejection} onChange={(base_ejection) => change({ base_ejection })} error={at('base_ejection')} disabled={disabled} />
          <DurationField label="At most" placeholder="5m" value={outlier.max_ejection} onChange={(max_ejection) => change({ max_ejection })} error={at('max_ejection')} disabled={disabled} />
          <CountField label="At most, % of targets" placeholder="50" value={outlier.max_ejected_percent} onChange={(max_ejected_percent) => change({ max_ejected_percent })} error={at('max_ejected_percent')} disabled={disabled} />
        </SimpleGrid>
      )}
    </>
  );
}
