import type { Schemas } from '@/api/client';
import { requestsFor } from './cents';

export interface GaugeParts {
  /** Requests that were served on the present plan, and on others before it in this period: those are billed by themselves. */
  own: number;
  before: number;
  /** How many of its own requests the plan will have had by the period's end. */
  expected: number;
  /** Percentages of the whole width. */
  within: number;
  over: number;
  coming: number;
  /** Where the included requests end; undefined where there is no bound or it is the whole width. */
  included?: number;
  /** Where requests are refused. */
  stop?: number;
  /** Requests at which edges refuse; undefined for never. */
  stopAt?: number;
}

/** What the gauge needs to know of a subscription. */
export interface Measured {
  used_requests: number;
  spending_cap_cents?: number | null;
  plan: { name?: string; included_requests?: number; overage?: { requests: number; price_cents: number } };
  estimate?: Pick<Schemas['Estimate'], 'forecast_requests' | 'lines'>;
}

/** How the gauge of a period is divided: what is used, what is expected, and where the bounds are. */
export function gaugeOf(s: Measured): GaugeParts {
  const { plan, spending_cap_cents: cap, estimate } = s;
  const included = plan.included_requests;
  const before = (estimate?.lines ?? []).reduce((sum, l) => sum + (l.plan === plan.name ? 0 : l.requests), 0);
  const used = Math.max(0, s.used_requests - before);
  const expected = Math.max(used, (estimate?.forecast_requests ?? 0) - before);
  const more = plan.overage && cap !== undefined && cap !== null ? requestsFor(cap, plan.overage) : undefined;
  const stopAt = included === undefined ? undefined : plan.overage ? (more === undefined ? undefined : included + more) : included;
  const whole = Math.max(1, used, included ?? 0, stopAt ?? 0, expected);
  const part = (n: number) => (100 * n) / whole;
  return {
    own: used, before, expected,
    within: part(Math.min(used, included ?? used)),
    over: part(Math.max(0, used - (included ?? used))),
    coming: part(expected - used),
    included: included !== undefined && included < whole ? part(included) : undefined,
    stop: stopAt !== undefined && stopAt < whole && stopAt !== included ? part(stopAt) : undefined,
    stopAt,
  };
}
