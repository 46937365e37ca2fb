import type { Schemas } from '@/api/client';
import type { Rows } from '@/ui';

type State = 'suspended' | 'deleted' | 'unverified' | 'active';

/** The one word for how an organization stands. */
export function stateOf(o: { suspended: boolean; verified: boolean; deleted_at?: string }): State {
  if (o.deleted_at) return 'deleted';
  if (o.suspended) return 'suspended';
  return o.verified ? 'active' : 'unverified';
}

export const stateWords: Record<State, string> = { active: 'Active', suspended: 'Suspended', unverified: 'Unverified', deleted: 'Deleted' };

export const states = Object.entries(stateWords).map(([value, label]) => ({ value, label }));

/** Signals in words: what stands out, and the figures that made it so. */
export const signalWords: Record<Schemas['OperatorSignal']['kind'], { title: string; text: string }> = {
  unverified_traffic: { title: 'Traffic without a confirmed address', text: 'Nobody has confirmed an owner’s address, and requests are served.' },
  refused_flood: { title: 'Many callers are refused', text: 'Answers 401, 404 and 429 of the last ten minutes: guessed keys or paths, or a client that runs wild.' },
  unusual_spend: { title: 'Far more than on its other days', text: 'Five times the median of its own last seven days or more.' },
  many_keys: { title: 'Many API keys made', text: 'A thousand or more in 24 hours.' },
  new_heavy: { title: 'Heavy traffic of a new organization', text: 'Younger than seven days, fifty thousand requests or more in 24 hours.' },
};

export const numberWords: Record<string, string> = {
  requests_24h: 'requests in 24 h', requests_today: 'requests today', median_7_days: 'median of the last 7 days', keys_24h: 'keys in 24 h',
  answers_401: '× 401', answers_404: '× 404', answers_429: '× 429',
};

/** Names of queues in words. */
const queueWords: Record<string, string> = {
  outbox: 'Changes to publish', publish_failures: 'Refused by the publisher', mails: 'Mails', alerts: 'Alerts to look at', alert_mails: 'Notices by mail', alert_webhooks: 'Notices by webhook',
  webhooks: 'Webhook messages', telemetry: 'Telemetry destinations', usage_unsealed: 'Hours of usage to close', billing_hours: 'Hours to sum up', stripe_syncs: 'Stripe: customers to fetch',
  stripe_credits: 'Stripe: credits', stripe_adjustments: 'Stripe: late lines', stripe_parked: 'Stripe: usage not taken', stripe_usage: 'Stripe: usage that differs',
};

const streamWords: Record<string, string> = { usage: 'Usage from edges', logs: 'Log records from edges' };

/** A queue in words. A stream of Redis is called by its key too: "Usage from edges, tg:usage:0". */
export function queueText(name: string): string {
  const stream = streamWords[/^tg:(\w+):\d+$/.exec(name)?.[1] ?? ''];
  return stream ? `${stream}, ${name}` : (queueWords[name] ?? name);
}

/** A span of seconds as a person reads it: 4200 → "1 h 10 min". */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** Rows of a table whose whole list is there already. */
export const allOf = <T>(items: T[]): Rows<T> => ({
  items, loading: false, fetching: false, more: false, loadMore: () => undefined, error: undefined, retry: () => undefined, filtered: false,
});

/** The currency of everything that is charged: all plans with a price have the same. */
export const currencyOf = (plans: readonly Schemas['Plan'][] = []): string => (plans.find((p) => p.price_cents > 0 || p.overage) ?? plans[0])?.currency ?? 'usd';

/** "12.5" → 1250: what a person writes of money, exactly; undefined for what is no amount above or below 0. */
export function centsOf(text: string): number | undefined {
  const found = /^(-?)(\d{1,6})(?:[.,](\d{1,2}))?$/.exec(text.trim());
  if (!found) return undefined;
  const cents = Number(found[2]) * 100 + Number((found[3] ?? '').padEnd(2, '0'));
  return cents === 0 ? undefined : found[1] ? -cents : cents;
}
