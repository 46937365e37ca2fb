import type { Schemas } from '@/api/client';

type Upstream = Schemas['UpstreamInput'];

/** Ways of balancing, for people. */
export const algorithms: Record<NonNullable<Upstream['algorithm']>, { label: string; text: string }> = {
  round_robin: { label: 'In turn', text: 'Each target in turn, by weight.' },
  least_request: { label: 'Least busy', text: 'The less busy of two, by requests under way.' },
  random: { label: 'Random', text: 'By chance, by weight.' },
  ip_hash: { label: 'By address', text: 'A caller’s address stays with its target.' },
  consistent_hash: { label: 'By a value', text: 'Requests with the same value stay with their target.' },
};

export const protocols: Record<NonNullable<Upstream['protocol']>, string> = {
  http1: 'HTTP/1.1',
  h2c: 'HTTP/2 without TLS',
  h2: 'HTTP/2',
};

/** An object without what is empty; undefined when nothing is left. */
export function compact<T extends object>(value: T): T | undefined {
  const kept = Object.entries(value).filter(([, v]) => v !== undefined && v !== '' && !(Array.isArray(v) && v.length === 0));
  return kept.length === 0 ? undefined : (Object.fromEntries(kept) as T);
}

/** Each target's part of the requests in percent, by weight. */
export function shares(targets: { weight?: number }[]): number[] {
  const weights = targets.map((t) => t.weight ?? 1);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => (sum === 0 ? 0 : (w / sum) * 100));
}
