import type { Schemas } from '@/api/client';
import { bytes, count, money } from '@/ui/format';
import { inDays } from '../public/planFacts';

type Plan = Schemas['Plan'];

/** What choosing a plan would be. */
export type Step = 'same' | 'upgrade' | 'downgrade';

/** A cheaper plan is a downgrade, which waits for the period's end; any other takes effect at once. */
export function stepTo(from: Plan, to: Plan): Step {
  if (from.name === to.name) return 'same';
  return to.price_cents < from.price_cents ? 'downgrade' : 'upgrade';
}

/** Whether a plan must be paid for on the payment page first: also the present one, where an operator gave it. */
export const needsCheckout = (s: Pick<Schemas['Subscription'], 'payment' | 'status'>, to: Plan): boolean =>
  s.payment && to.price_cents > 0 && (s.status === 'none' || s.status === 'canceled' || s.status === 'incomplete');

export interface Difference {
  what: string;
  from: string;
  to: string;
  /** The other plan has more of it. */
  more: boolean;
}

const limit = (n: number | undefined) => (n === undefined ? 'no limit' : count(n));
const hours = (duration: string) => Number(/^(\d+)h/.exec(duration)?.[1] ?? 0);

/** What differs between two plans, in the order in which people compare. */
export function differences(from: Plan, to: Plan): Difference[] {
  const all: (Difference & { same: boolean })[] = [];
  const add = (what: string, a: number | undefined, b: number | undefined, words: (n: number | undefined) => string = limit) =>
    all.push({ what, from: words(a), to: words(b), more: (b ?? Infinity) > (a ?? Infinity), same: a === b });
  add('Included requests a month', from.included_requests, to.included_requests);
  const [a, b] = [beyond(from), beyond(to)];
  all.push({ what: 'Beyond them', from: a, to: b, more: to.overage !== undefined && from.overage === undefined, same: a === b });
  add('Requests a second', from.requests_per_second, to.requests_per_second);
  add('Requests at once', from.concurrency, to.concurrency);
  add('Gateways', from.gateways, to.gateways);
  add('Consumers a gateway', from.consumers, to.consumers);
  add('API keys', from.keys, to.keys);
  add('Largest body', from.max_body_bytes, to.max_body_bytes, (n) => (n === undefined ? 'no limit' : bytes(n)));
  add('Logs are kept for', hours(from.log_retention), hours(to.log_retention), (n) => inDays(`${n}h`));
  return all.filter((d) => !d.same).map(({ same: _, ...d }) => d);
}

function beyond(plan: Plan): string {
  return plan.overage ? `${money(plan.overage.price_cents, plan.currency)} for each ${count(plan.overage.requests)}` : 'refused';
}

/** "$49 a month", "Free". */
export const priceOf = (plan: Plan): string => (plan.price_cents === 0 ? 'Free' : `${money(plan.price_cents, plan.currency)} a month`);
