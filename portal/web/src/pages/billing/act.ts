import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';

export type Subscription = Schemas['Subscription'];
export type Plan = Schemas['Plan'];

/** Reads again whatever a change of the subscription may have changed. */
export const changed = (): Promise<void> => refresh('/v1/subscription', '/v1/invoices', '/v1/me', '/v1/organization');

/**
 * Changes the subscription as it was read: what somebody else changed meanwhile is not overwritten.
 * It is read again also where that failed, for some of it may have come through.
 */
export async function change(subscription: Subscription, body: Schemas['SubscriptionPatch']): Promise<void> {
  try {
    await api.PATCH('/v1/subscription', { params: { header: { 'If-Match': etagOf(subscription) } }, body });
  } finally {
    await changed();
  }
}

/** Goes to the page where a plan is paid. */
export async function checkout(plan: string): Promise<void> {
  const { data } = await api.POST('/v1/billing/checkout', { body: { plan } });
  await leave(data?.url);
}

/** Goes to the page where cards and addresses are kept. */
export async function paymentPage(): Promise<void> {
  const { data } = await api.POST('/v1/billing/portal', {});
  await leave(data?.url);
}

// Elsewhere, by an address that only the API gives.
// What started it stays busy until the other page is there.
async function leave(url: string | undefined): Promise<void> {
  if (!url || !/^https?:\/\//.test(url)) return;
  window.location.assign(url);
  await new Promise((gone) => window.addEventListener('pagehide', gone, { once: true }));
}
