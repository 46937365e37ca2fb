import type { Schemas } from '@/api/client';
import { count } from '@/ui/format';

type Limits = Schemas['KeyLimits'];
type Per = NonNullable<Schemas['Rate']['per']>;
type Period = Schemas['Quota']['period'];

/** What fields hold: a number, or a text while it is empty. */
type Figure = number | string;

/** Limits as a form holds them, shaped like the API's body so that its errors find their field. */
export interface LimitValues extends Record<string, unknown> {
  rate_limit: { rate: Figure; per: Per; burst: Figure };
  quota: { limit: Figure; period: Period };
  concurrency: Figure;
}

export const noLimits: LimitValues = {
  rate_limit: { rate: '', per: 'second', burst: '' },
  quota: { limit: '', period: 'month' },
  concurrency: '',
};

/** Fills a form. A concurrency of 0 is none. */
export function limitValues(limits: Limits | undefined): LimitValues {
  const { rate_limit: rate, quota, concurrency } = limits ?? {};
  return {
    rate_limit: { rate: rate?.rate ?? '', per: rate?.per ?? 'second', burst: rate?.burst ?? '' },
    quota: { limit: quota?.limit ?? '', period: quota?.period ?? 'month' },
    concurrency: concurrency || '',
  };
}

const figure = (value: Figure): number | undefined => (value === '' ? undefined : Number(value));

/** What the form says, for the API: an empty field is no limit. A burst without its rate is sent, so that the API can say so. */
export function limitsBody(values: LimitValues): Limits {
  const rate = figure(values.rate_limit.rate);
  const burst = figure(values.rate_limit.burst);
  const limit = figure(values.quota.limit);
  const body: Limits = {};
  if (rate !== undefined || burst !== undefined) {
    body.rate_limit = { rate: rate ?? 0, per: values.rate_limit.per, ...(burst === undefined ? {} : { burst }) };
  }
  if (limit !== undefined) body.quota = { limit, period: values.quota.period };
  const concurrency = figure(values.concurrency);
  if (concurrency !== undefined) body.concurrency = concurrency;
  return body;
}

/** "50 a second, bursts of 100". */
export function rateText(rate: Schemas['Rate']): string {
  const burst = rate.burst && rate.burst !== rate.rate ? `, bursts of ${count(rate.burst)}` : '';
  return `${count(rate.rate)} a ${rate.per ?? 'second'}${burst}`;
}

/** "10,000 a month". */
export const quotaText = (quota: Schemas['Quota']): string => `${count(quota.limit)} a ${quota.period}`;

/** All limits in a line, or undefined where there are none. */
export function limitsText(limits: Limits | undefined): string | undefined {
  const parts: string[] = [];
  if (limits?.rate_limit) parts.push(rateText(limits.rate_limit));
  if (limits?.quota) parts.push(quotaText(limits.quota));
  if (limits?.concurrency) parts.push(`${count(limits.concurrency)} at once`);
  return parts.length > 0 ? parts.join(' · ') : undefined;
}
