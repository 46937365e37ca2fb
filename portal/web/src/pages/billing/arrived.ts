import type { Schemas } from '@/api/client';

/** Whether what was bought stands: the subscription lives, and the plan is the one that was wanted. */
export function stands(s: Pick<Schemas['Subscription'], 'status' | 'plan'>, wanted: string | undefined): boolean {
  if (s.status !== 'active' || s.plan.price_cents === 0) return false;
  return !wanted || s.plan.name === wanted;
}
