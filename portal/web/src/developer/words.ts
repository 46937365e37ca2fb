import type { Schemas } from '@/api/client';

type Rate = Schemas['Rate'];
type Offer = Schemas['PortalInfo']['plans'][number];

const count = (n: number) => n.toLocaleString('en');

/** "100 requests a second, 200 at once". */
export function rateWords(rate: Rate): string {
  const burst = rate.burst && rate.burst !== rate.rate ? `, ${count(rate.burst)} at once` : '';
  return `${count(rate.rate)} ${rate.rate === 1 ? 'request' : 'requests'} a ${rate.per ?? 'second'}${burst}`;
}

/** What an offered plan allows, one sentence a limit. */
export function limitsOf(plan: Pick<Offer, 'rate_limit' | 'quota' | 'concurrency'>): string[] {
  const out: string[] = [];
  if (plan.quota) out.push(`${count(plan.quota.limit)} requests a ${plan.quota.period}`);
  if (plan.rate_limit) out.push(`At most ${rateWords(plan.rate_limit)}`);
  if (plan.concurrency) out.push(`${count(plan.concurrency)} requests at the same time`);
  return out.length > 0 ? out : ['No limit of its own'];
}

/** Plain text in paragraphs: an empty line begins one. */
export const paragraphs = (text: string | undefined): string[] =>
  (text ?? '').split(/\n\s*\n/).map((p) => p.trim()).filter((p) => p !== '');

/** An address of this portal to go on to; anything else leads to the start. */
export function safeNext(next: string | undefined, base: string): string {
  if (!next || /[\\\u0000-\u001f]/.test(next)) return base;
  return next === base || next.startsWith(`${base}/`) ? next : base;
}
