import type { Schemas } from '@/api/client';

type Upstream = Schemas['UpstreamInput'];

/** Ways of balancing, for people. */
export const algorithms: Record<NonNullable<Upstream['algorithm']>, { label: string; text: string }> = {
  round_robin: { label: 'In turn', text: 'Each target in turn, by weight.' },
  least_request: { label: 'Least busy', text: 'The least busy, by requests under way.' },
  least_time: { label: 'Quickest', text: 'The one expected to answer first, by its times and requests under way.' },
  random: { label: 'Random', text: 'By chance, by weight.' },
  random_of_two: { label: 'Less busy of two', text: 'Of two by chance the less busy.' },
  ip_hash: { label: 'By address', text: 'A caller’s address stays with its target.' },
  consistent_hash: { label: 'By a value', text: 'Requests with the same value stay with their target.' },
};

export const protocols: Record<NonNullable<Upstream['protocol']>, string> = {
  http1: 'HTTP/1.1',
  h2c: 'HTTP/2 without TLS',
  h2: 'HTTP/2',
};

type HealthHeaders = NonNullable<NonNullable<Upstream['health']>['headers']>;

/** Header fields as lines "Name: value". */
export function headerLines(headers: HealthHeaders | undefined): string {
  return (headers ?? []).map((h) => `${h.name}: ${h.value}`).join('\n');
}

/** The header fields of lines "Name: value"; a line without a colon is a name. */
export function headersOf(text: string): HealthHeaders {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return colon < 0 ? { name: line.trim(), value: '' } : { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
  });
}

/** An object without what is empty; undefined when nothing is left. */
export function compact<T extends object>(value: T): T | undefined {
  const kept = Object.entries(value).filter(([, v]) => v !== undefined && v !== '' && !(Array.isArray(v) && v.length === 0));
  return kept.length === 0 ? undefined : (Object.fromEntries(kept) as T);
}

/** Each target's part of the requests in percent, by weight, while none is down: those of the first group share all. */
export function shares(targets: { weight?: number; priority?: number; backup?: boolean }[]): number[] {
  const group = (t: (typeof targets)[number]) => (t.backup ? 10 : (t.priority ?? 0));
  const first = Math.min(...targets.filter((t) => t.weight !== 0).map(group));
  const weights = targets.map((t) => (group(t) === first ? (t.weight ?? 1) : 0));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => (sum === 0 ? 0 : (w / sum) * 100));
}
