import type { Schemas } from '@/api/client';
import type { DotState } from '@/ui';

export type Alert = Schemas['Alert'];
export type AlertInput = Schemas['AlertInput'];
export type Kind = AlertInput['kind'];
export type Status = Alert['state']['status'];

export const kindNames: Record<Kind, string> = {
  error_rate: 'Error rate', latency: 'Latency', quota: 'Quota used', no_traffic: 'No traffic', release: 'Release stopped', certificate: 'Certificates', telemetry: 'Telemetry',
};

const states: Record<Status, { label: string; dot: DotState }> = {
  ok: { label: 'Fine', dot: 'good' },
  pending: { label: 'Over the threshold, not yet long enough', dot: 'warn' },
  firing: { label: 'Firing', dot: 'bad' },
  clearing: { label: 'Calming down', dot: 'warn' },
  unknown: { label: 'Can’t be told', dot: 'idle' },
  disabled: { label: 'Switched off', dot: 'idle' },
};

/** Kinds whose figure is taken over a window of requests. */
export const windowed = (kind: Kind): boolean => kind === 'error_rate' || kind === 'latency' || kind === 'no_traffic';

/** Kinds that fire below their threshold. */
export const low = (kind: Kind): boolean => kind === 'no_traffic' || kind === 'certificate';

/** A status in words, with the dot that goes with it. */
export const statusOf = (status: Status): { label: string; dot: DotState } => states[status];

/** A duration as the API writes it, in words: "5m" → "5 minutes", "1h30m" → "90 minutes". */
export function durationWords(text: string | undefined): string {
  const seconds = secondsOf(text);
  const unit = (n: number, name: string) => `${n.toLocaleString('en')} ${name}${n === 1 ? '' : 's'}`;
  if (seconds % 86_400 === 0 && seconds > 0) return unit(seconds / 86_400, 'day');
  if (seconds % 3_600 === 0 && seconds > 0) return unit(seconds / 3_600, 'hour');
  if (seconds % 60 === 0 && seconds > 0) return unit(seconds / 60, 'minute');
  return unit(seconds, 'second');
}

/** Seconds of a duration such as "1h30m" or "90s"; 0 for what is none. */
export function secondsOf(text: string | undefined): number {
  const sizes: Record<string, number> = { d: 86_400, h: 3_600, m: 60, s: 1, ms: 0.001 };
  let sum = 0;
  for (const [, number, unit] of (text ?? '').matchAll(/([0-9.]+)(ms|[dhms])/g)) sum += Number(number) * (sizes[unit ?? ''] ?? 0);
  return sum;
}

const number = (n: number) => n.toLocaleString('en', { maximumFractionDigits: n < 1 ? 4 : 2 });

/** A figure of an alert in its kind's unit. */
export function valueWords(kind: Kind, value: number): string {
  if (kind === 'latency') return `${number(value)} ms`;
  if (kind === 'release') return value === 0 ? 'none stopped' : `${number(value)} stopped`;
  if (kind === 'no_traffic') return `${number(value)} ${value === 1 ? 'request' : 'requests'}`;
  if (kind === 'certificate') return `${number(value)} ${value === 1 ? 'day' : 'days'}`;
  if (kind === 'telemetry') return `${number(value)} ${value === 1 ? 'minute' : 'minutes'}`;
  return `${number(value)}%`;
}

type Rule = Pick<AlertInput, 'kind' | 'route' | 'consumer' | 'usage_plan' | 'errors' | 'latency' | 'percentile' | 'quota' | 'window'> & {
  threshold: number;
};

const by = { all: '', edge: ' by the edge', backend: ' by backends' } as const;

function place(rule: Rule): string {
  return `${rule.route ? ` on route ${rule.route}` : ''}${rule.consumer ? ` of consumer ${rule.consumer}` : ''}`;
}

/** The whole rule as one sentence. */
export function ruleWords(rule: Rule): string {
  const within = ` within ${durationWords(rule.window ?? '5m')}`;
  switch (rule.kind) {
    case 'error_rate':
      return `${number(rule.threshold)}% or more of the requests${place(rule)} end in errors${by[rule.errors ?? 'all']}${within}`;
    case 'latency':
      return `${rule.latency === 'edge' ? 'The edge’s own time' : 'The backends’ time'}${place(rule)}, ${rule.percentile ?? 'p95'}, is ${number(rule.threshold)} ms or more${within}`;
    case 'release':
      return `A release${place(rule)} stops itself`;
    case 'no_traffic':
      return `Fewer than ${valueWords('no_traffic', rule.threshold)}${place(rule)}${within}`;
    case 'certificate':
      return `A certificate ends in fewer than ${valueWords('certificate', rule.threshold)}, or a certificate or domain can’t be renewed`;
    case 'telemetry':
      return `A telemetry destination has failed for ${valueWords('telemetry', rule.threshold)}`;
    case 'quota': {
      const whose =
        rule.quota === 'consumer' ? `The consumer ${rule.consumer ?? ''}` : rule.quota === 'usage_plan' ? `A consumer of the usage plan ${rule.usage_plan ?? ''}` : 'The organization';
      return `${whose} has used ${number(rule.threshold)}% or more of the quota`;
    }
  }
}
