import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { Api, within } from './harness/api';
import { axe } from './harness/axe';
import { startBackend, type Backend } from './harness/backend';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { send } from './harness/seed';
import { startStripe, webhookSecret, type StripeFake } from './harness/stripe';
import { startTollgate, type Tollgate } from './harness/tollgate';

// The business side of a life: a user signs up, uses the gateway, upgrades on the
// payment page, uses more than is included, gets an invoice that adds up to the
// ledger, and cancels. Plans are small, so that "more" is a few requests.
const included = 20;
const overage = { requests: 10, price_cents: 25 };
const limits = { requests_per_second: 1000, burst: 2000, concurrency: 100, gateways: 3, consumers: 100, keys: 500, max_body_bytes: 1_048_576, log_retention: '24h', currency: 'usd' };
const plans = {
  default: 'free', unverified_requests_per_day: 100, dunning: { grace: '168h', suspend_after: '336h' },
  plans: [
    { ...limits, name: 'free', num: 1, title: 'Free', included_requests: 1000, price_cents: 0 },
    { ...limits, name: 'pro', num: 2, title: 'Pro', included_requests: included, price_cents: 4900, overage },
  ],
};
const free = 7;
const paid = 55;
const beyond = paid - included; // 35 × $0.25 ÷ 10 = 87.5 cents, half a cent rounded up
const price = '$0.88';

let folder: string;
let stripe: StripeFake;
let tollgate: Tollgate;
let browser: Browser;
let backend: Backend;
const gallery = new Gallery('billing-journey');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-plans-'));
  writeFileSync(join(folder, 'plans.json'), JSON.stringify(plans));
  [stripe, browser, backend] = await Promise.all([startStripe(), startBrowser(), startBackend('one')]);
  tollgate = await startTollgate({
    TOLLGATE_PLANS_FILE: join(folder, 'plans.json'), TOLLGATE_STRIPE_KEY: 'sk_test_browser', TOLLGATE_STRIPE_WEBHOOK_SECRET: webhookSecret, TOLLGATE_STRIPE_URL: stripe.url,
  });
  await stripe.control('POST', 'webhook', { url: `${tollgate.portal}/v1/stripe/webhook`, secret: webhookSecret });
});

afterAll(async () => {
  gallery.finish('From sign-up to an invoice that adds up');
  await browser?.close();
  await Promise.all([backend?.stop(), tollgate?.stop()]);
  await stripe?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function see(page: Page, name: string): Promise<void> {
  await gallery.takeWhole(page, 'billing', name);
  expect.soft(await axe(page), name).toEqual([]);
}

async function open(page: Page, path: string, heading: string | RegExp): Promise<void> {
  await page.goto(tollgate.portal + path);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
}

async function signUp(page: Page): Promise<Api> {
  await page.goto(`${tollgate.portal}/signup`);
  await page.getByLabel('Organization').fill('Ada & Company');
  await page.getByLabel('E-mail address').fill('ada@example.com');
  await page.getByRole('textbox', { name: 'Password' }).fill('a long enough password');
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('heading', { level: 1, name: 'First steps' }).waitFor();
  const api = new Api(page, tollgate.portal);
  api.organization = (await api.get<{ organization: string }>('/v1/me')).organization;
  return api;
}

/** A gateway with an open route; returns its host. */
async function gateway(api: Api): Promise<string> {
  const { hostname } = await api.post<{ hostname: string }>('/v1/gateways', { name: 'shop', mode: 'live' });
  await api.put('/v1/gateways/shop/upstreams/backend', { targets: [{ url: backend.url }] });
  await api.put('/v1/gateways/shop/routes/all', { match: { path: '/*' }, upstream: 'backend', public: true });
  await api.get('/v1/gateways/shop/live?wait=10s');
  return hostname;
}

/** Sends requests until so many were answered, and waits until the ledger has as many as it should. */
async function use(api: Api, host: string, requests: number, total: number): Promise<void> {
  let answered = 0;
  await within(20_000, async () => {
    while (answered < requests) {
      const { status } = await send(tollgate, host, `/${answered}`);
      if (status !== 200) throw new Error(`the edge answers ${status}`);
      answered++;
    }
  });
  await within(20_000, async () => {
    const { used_requests: used } = await api.get<{ used_requests: number }>('/v1/subscription');
    expect(used).toBe(total);
  });
}

async function upgrade(page: Page): Promise<void> {
  await open(page, '/billing/overview', 'Plan and usage');
  await page.getByText(`of 1,000 included requests used`).waitFor();
  await see(page, '01 free');
  await page.getByRole('link', { name: 'Change the plan' }).click();
  await page.getByRole('button', { name: 'Upgrade to Pro' }).click();
  await page.getByRole('button', { name: 'Go to the payment page' }).waitFor();
  await see(page, '02 what Pro means');
  await page.getByRole('button', { name: 'Go to the payment page' }).click();
  await page.getByRole('heading', { name: 'Checkout' }).waitFor();
  await page.getByRole('button', { name: 'Fail card' }).click();
  await page.getByText('Your card was declined.').waitFor();
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.getByRole('heading', { level: 1, name: 'Pro is yours' }).waitFor();
  await see(page, '03 Pro stands');
}

/** Ends the period at Stripe, waits for the draft to have all hours, and has it finalized. */
async function closePeriod(api: Api): Promise<void> {
  const { period_end: end } = await api.get<{ period_end: string }>('/v1/subscription');
  await stripe.control('POST', 'advance', { to: new Date(Date.parse(end) + 60_000).toISOString() });
  const { customers } = await stripe.control<{ customers: { id: string }[] }>('GET', 'state');
  await within(20_000, async () => {
    const { hours } = await stripe.control<{ hours: Record<string, number> }>('GET', `usage?customer=${customers[0]?.id}&event_name=tollgate_requests_pro`);
    expect(Object.values(hours).reduce((a, b) => a + b, 0)).toBe(paid);
  });
  await stripe.control('POST', 'finalize');
}

async function invoice(page: Page, api: Api): Promise<void> {
  await within(20_000, async () => {
    const { items } = await api.get<{ items: { status: string }[] }>('/v1/invoices');
    expect(items.map((i) => i.status)).toEqual(['paid', 'paid']);
  });
  await open(page, '/billing/invoices', 'Invoices');
  await page.getByText('Paid').nth(1).waitFor();
  await see(page, '06 invoices');
  await page.getByRole('table').getByRole('link', { name: /^(?!Open|PDF|Pay)/ }).first().click();
  await page.getByRole('heading', { level: 1, name: /^Invoice / }).waitFor();
  const found = await api.get<Reconciliation>(`/v1/invoices/${page.url().split('/').at(-1)}/reconciliation`);
  check(found);
  const usage = page.getByRole('button', { name: /\$0\.88/ });
  await usage.click();
  await page.getByText('It adds up').waitFor();
  await page.getByText(`${beyond} × $0.25 ÷ ${overage.requests} = ${price}`).first().waitFor();
  await page.getByRole('button', { name: /Requests on the plan Free/ }).click();
  await page.getByText('Not billed', { exact: true }).waitFor();
  await see(page, '07 it adds up');
}

interface Reconciliation {
  invoice: { lines: { id: string; kind: string; amount_cents: number }[]; subtotal_cents: number };
  lines: { line?: string; plan: string; billed_quantity: number; ledger_requests: number; overage_requests: number; difference_requests: number; amount_cents: number }[];
  hours: { plan: string; requests: number }[];
  keys: { requests: number }[];
  totals: { ledger_requests: number; difference_requests: number };
  chain: { intact: boolean };
}

const sum = (all: number[]) => all.reduce((a, b) => a + b, 0);

/** What the page shows is what the API says: line, hours and keys have the same sum. */
function check(found: Reconciliation): void {
  const pro = found.lines.find((l) => l.plan === 'pro');
  expect(pro).toMatchObject({ billed_quantity: paid, ledger_requests: paid, overage_requests: beyond, difference_requests: 0, amount_cents: 88 });
  expect(sum(found.hours.filter((h) => h.plan === 'pro').map((h) => h.requests))).toBe(paid);
  expect(sum(found.keys.map((k) => k.requests))).toBe(found.totals.ledger_requests);
  expect(sum(found.hours.map((h) => h.requests))).toBe(found.totals.ledger_requests);
  // What was served on the free plan is in the ledger, and on no invoice.
  expect(found.lines.find((l) => l.plan === 'free')).toMatchObject({ billed_quantity: 0, ledger_requests: free, difference_requests: free, amount_cents: 0 });
  expect(found.totals.difference_requests).toBe(free);
  expect(found.chain.intact).toBe(true);
  expect(sum(found.invoice.lines.map((l) => l.amount_cents))).toBe(found.invoice.subtotal_cents);
}

async function cancel(page: Page): Promise<void> {
  await open(page, '/billing/overview', 'Plan and usage');
  await page.getByRole('button', { name: 'Cancel the subscription' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the subscription' }).click();
  await page.getByText(/The subscription ends on/).first().waitFor();
  await see(page, '08 it ends');
  await page.getByRole('button', { name: 'Keep the subscription' }).click();
  await page.getByRole('button', { name: 'Cancel the subscription' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the subscription' }).click();
  await page.getByText(/The subscription ends on/).first().waitFor();
}

it('signs up, upgrades, goes beyond, gets an invoice that adds up, cancels', async () => {
  const page = await browser.open();
  const api = await signUp(page);
  const host = await gateway(api);
  await use(api, host, free, free);
  await upgrade(page);
  await use(api, host, paid, free + paid);
  await open(page, '/billing/overview', 'Plan and usage');
  await page.getByText(`${beyond} beyond the included ones`).waitFor();
  await see(page, '04 beyond the included');
  await open(page, '/billing/invoices/current', 'The running period');
  await see(page, '05 the running period');
  await closePeriod(api);
  await invoice(page, api);
  await cancel(page);
  await within(10_000, async () => {
    const { subscriptions } = await stripe.control<{ subscriptions: { cancel_at_period_end: boolean }[] }>('GET', 'state');
    expect(subscriptions.map((s) => s.cancel_at_period_end)).toEqual([true]);
  });
  expect(browser.complaints()).toEqual([]);
});

it.skipIf(process.env.TOLLGATE_SHORT === '1')('every call of that life has the shape that stripe-mock knows', async () => {
  const said = await stripe.replay();
  console.log(said);
  expect(said).toMatch(/replayed: [1-9]\d* calls of meters .* [1-9]\d* others/);
});
