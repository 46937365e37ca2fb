import { Select, SimpleGrid, Switch, TextInput } from '@mantine/core';
import { CountField, DurationField } from './fields';
import type { PartProps } from './UpstreamFields';
import { compact } from './words';

/** Limits of requests at once, slow start and draining. */
export function LoadFields({ draft, set, errorAt, disabled }: PartProps) {
  const queue = draft.queue ?? {};
  const change = (next: Partial<typeof queue>) => set({ queue: compact({ ...queue, ...next }) });
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <CountField label="Requests at once" placeholder="no limit" value={draft.max_requests} onChange={(max_requests) => set({ max_requests: max_requests || undefined })} error={errorAt('/max_requests')} disabled={disabled} />
        <DurationField label="Slow start" placeholder="none" value={draft.slow_start} onChange={(slow_start) => set({ slow_start })} error={errorAt('/slow_start')} disabled={disabled} />
        <DurationField label="Drain for" placeholder="5m" value={draft.drain_timeout} onChange={(drain_timeout) => set({ drain_timeout })} error={errorAt('/drain_timeout')} disabled={disabled} />
      </SimpleGrid>
      <Switch
        label="Requests wait when every target is at its limit"
        checked={!queue.disabled}
        onChange={(e) => set({ queue: e.currentTarget.checked ? undefined : { disabled: true } })}
        error={errorAt('/queue')}
        disabled={disabled}
      />
      {queue.disabled ? null : (
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <CountField label="Waiting on each edge" placeholder="128" value={queue.length} onChange={(length) => change({ length })} error={errorAt('/queue/length')} disabled={disabled} />
          <DurationField label="For" placeholder="5s" value={queue.timeout} onChange={(timeout) => change({ timeout })} error={errorAt('/queue/timeout')} disabled={disabled} />
        </SimpleGrid>
      )}
    </>
  );
}

/** The circuit breaker of each target. */
export function BreakerFields({ draft, set, errorAt, disabled }: PartProps) {
  const breaker = draft.circuit_breaker;
  const change = (next: Partial<NonNullable<typeof breaker>>) => set({ circuit_breaker: { ...breaker, ...next } });
  const at = (name: string) => errorAt(`/circuit_breaker/${name}`);
  return (
    <>
      <Switch
        label="Stop asking a target that fails or hangs"
        checked={breaker !== undefined}
        onChange={(e) => set({ circuit_breaker: e.currentTarget.checked ? {} : undefined })}
        disabled={disabled}
      />
      {breaker === undefined ? null : (
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <CountField label="Failures, % of requests" placeholder="50" value={breaker.error_percent} onChange={(error_percent) => change({ error_percent })} error={at('error_percent')} disabled={disabled} />
          <CountField label="Of so many requests" placeholder="20" value={breaker.min_requests} onChange={(min_requests) => change({ min_requests })} error={at('min_requests')} disabled={disabled} />
          <DurationField label="In" placeholder="1s" value={breaker.window} onChange={(window) => change({ window })} error={at('window')} disabled={disabled} />
          <CountField label="Or more requests at once" placeholder="not looked at" value={breaker.max_concurrent} onChange={(max_concurrent) => change({ max_concurrent })} error={at('max_concurrent')} disabled={disabled} />
          <DurationField label="Open for" placeholder="5s" value={breaker.open} onChange={(open) => change({ open })} error={at('open')} disabled={disabled} />
          <CountField label="Then requests to try" placeholder="1" value={breaker.probes} onChange={(probes) => change({ probes })} error={at('probes')} disabled={disabled} />
        </SimpleGrid>
      )}
    </>
  );
}

const keepers = [
  { value: '', label: 'No' },
  { value: 'cookie', label: 'By a cookie' },
  { value: 'header', label: 'By a header field' },
  { value: 'ip', label: 'By the caller’s address' },
];

const sameSite = [
  { value: 'lax', label: 'Lax' },
  { value: 'strict', label: 'Strict' },
  { value: 'none', label: 'None' },
];

/** Sessions that stay with their target. */
export function SessionFields({ draft, set, errorAt, disabled }: PartProps) {
  const sessions = draft.session_persistence;
  const cookie = sessions?.cookie ?? {};
  const change = (next: Partial<typeof cookie>) => set({ session_persistence: compact({ by: 'cookie' as const, cookie: compact({ ...cookie, ...next }) }) });
  const at = (name: string) => errorAt(`/session_persistence/${name}`);
  return (
    <>
      <Select
        label="Callers stay with their target"
        data={keepers}
        value={sessions?.by ?? ''}
        allowDeselect={false}
        onChange={(v) => set({ session_persistence: v ? { by: v as 'cookie' } : undefined })}
        error={errorAt('/session_persistence')}
        maw="22rem"
        disabled={disabled}
      />
      {sessions?.by === 'header' ? (
        <TextInput label="Its name" value={sessions.header ?? ''} onChange={(e) => set({ session_persistence: { by: 'header', header: e.currentTarget.value } })} error={at('header')} maw="22rem" disabled={disabled} />
      ) : null}
      {sessions?.by === 'cookie' ? (
        <>
          <SimpleGrid cols={{ base: 1, sm: 3 }}>
            <TextInput label="Name" placeholder="tollgate_session" value={cookie.name ?? ''} onChange={(e) => change({ name: e.currentTarget.value })} error={at('cookie/name')} disabled={disabled} />
            <TextInput label="Path" placeholder="/" value={cookie.path ?? ''} onChange={(e) => change({ path: e.currentTarget.value })} error={at('cookie/path')} disabled={disabled} />
            <TextInput label="Domain" placeholder="the host alone" value={cookie.domain ?? ''} onChange={(e) => change({ domain: e.currentTarget.value })} error={at('cookie/domain')} disabled={disabled} />
            <DurationField label="Kept for" placeholder="until the browser closes" value={cookie.max_age} onChange={(max_age) => change({ max_age })} error={at('cookie/max_age')} disabled={disabled} />
            <Select label="From other sites" data={sameSite} value={cookie.same_site ?? 'lax'} allowDeselect={false} onChange={(v) => change({ same_site: v as 'lax' })} error={at('cookie/same_site')} disabled={disabled} />
          </SimpleGrid>
          <Switch label="Send it without TLS too" checked={cookie.insecure ?? false} onChange={(e) => change({ insecure: e.currentTarget.checked || undefined })} disabled={disabled} />
          <Switch label="Let scripts of a page read it" checked={cookie.readable ?? false} onChange={(e) => change({ readable: e.currentTarget.checked || undefined })} disabled={disabled} />
        </>
      ) : null}
    </>
  );
}
