import { windowed, type Alert, type AlertInput, type Kind } from './words';

type Channel = NonNullable<AlertInput['channels']>[number];

/** What the editor holds: every field of every kind, so that a change of kind loses nothing. */
export interface AlertForm extends Record<string, unknown> {
  name: string;
  description: string;
  enabled: boolean;
  kind: Kind;
  route: string;
  consumer: string;
  usage_plan: string;
  errors: 'all' | 'edge' | 'backend';
  latency: 'upstream' | 'edge';
  percentile: 'p50' | 'p95' | 'p99';
  quota: 'consumer' | 'usage_plan' | 'organization';
  threshold: number | string;
  clear_threshold: number | string;
  window: string;
  for: string;
  clear_for: string;
  min_requests: number | string;
  channels: { type: 'mail' | 'webhook'; to: string[]; url: string }[];
}

export const thresholds: Record<Kind, number> = { error_rate: 5, latency: 500, quota: 80, no_traffic: 1, release: 1, certificate: 14, telemetry: 15 };

/** A new alert, or one that is there. */
export function formOf(alert?: Alert, mail = ''): AlertForm {
  return {
    name: alert?.name ?? '',
    description: alert?.description ?? '',
    enabled: alert?.enabled ?? true,
    kind: alert?.kind ?? 'error_rate',
    route: alert?.route ?? '',
    consumer: alert?.consumer ?? '',
    usage_plan: alert?.usage_plan ?? '',
    errors: alert?.errors ?? 'all',
    latency: alert?.latency ?? 'upstream',
    percentile: alert?.percentile ?? 'p95',
    quota: alert?.quota ?? 'organization',
    threshold: alert?.threshold ?? thresholds.error_rate,
    clear_threshold: alert?.clear_threshold ?? '',
    window: alert?.window || '5m',
    for: alert?.for || '0s',
    clear_for: alert?.clear_for || '1m',
    min_requests: alert?.min_requests ?? 20,
    channels: alert ? (alert.channels ?? []).map((c) => ({ type: c.type, to: c.to ?? [], url: c.url ?? '' })) : [{ type: 'mail', to: mail ? [mail] : [], url: '' }],
  };
}

const numberOf = (value: number | string): number | undefined => (value === '' ? undefined : Number(value));

/** The body for the API: only the fields that go with the kind. */
export function inputOf(form: AlertForm): AlertInput & { threshold: number } {
  const { kind } = form;
  const clear = numberOf(form.clear_threshold);
  const timed = windowed(kind);
  const rated = kind === 'error_rate' || kind === 'latency';
  const optional = (value: string) => (value === '' ? undefined : value);
  return {
    name: form.name,
    description: optional(form.description),
    enabled: form.enabled,
    kind,
    threshold: numberOf(form.threshold) ?? 0,
    ...(clear === undefined ? {} : { clear_threshold: clear }),
    ...(timed || kind === 'release' ? { route: optional(form.route) } : {}),
    ...(timed ? { window: form.window } : {}),
    ...(kind === 'error_rate' || kind === 'no_traffic' ? { consumer: optional(form.consumer) } : {}),
    ...(rated ? { min_requests: numberOf(form.min_requests) } : {}),
    ...(kind === 'error_rate' ? { errors: form.errors } : {}),
    ...(kind === 'latency' ? { latency: form.latency, percentile: form.percentile } : {}),
    ...(kind === 'quota' ? { quota: form.quota } : {}),
    ...(kind === 'quota' && form.quota === 'consumer' ? { consumer: optional(form.consumer) } : {}),
    ...(kind === 'quota' && form.quota === 'usage_plan' ? { usage_plan: optional(form.usage_plan) } : {}),
    for: form.for,
    clear_for: form.clear_for,
    channels: form.channels.map((c): Channel => (c.type === 'mail' ? { type: 'mail', to: c.to } : { type: 'webhook', url: c.url.trim() })),
  };
}
