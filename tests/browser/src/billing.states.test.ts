import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { signUp } from './harness/api';
import { axe } from './harness/axe';
import { invoices, plans, preview, reconciliations, subscriptions } from './harness/billing';
import { startBrowser, type Browser, type Scheme } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

// Pages of billing in states that take a month or an unpaid invoice to come
// about: what the API says of billing is given, everything else is Tollgate's.
const short = process.env.TOLLGATE_SHORT === '1';
const schemes: Scheme[] = ['light', 'dark'];

let tollgate: Tollgate;
let browser: Browser;
const gallery = new Gallery('billing');

beforeAll(async () => {
  if (short) return;
  [tollgate, browser] = await Promise.all([startTollgate(), startBrowser()]);
  const page = await browser.open();
  await signUp(page, tollgate.portal, 'ada@example.com', 'Difference Engines');
  await page.close();
});

afterAll(async () => {
  if (short) return;
  gallery.finish('Billing in every state');
  await browser?.close();
  await tollgate?.stop();
});

type Given = Partial<{ subscription: keyof typeof subscriptions; invoices: unknown[]; refresh: keyof typeof subscriptions; suspended: string; role: string }>;

/** Answers what the page asks of billing. */
async function give(page: Page, given: Given): Promise<void> {
  const json = (body: unknown) => ({ status: 200, contentType: 'application/json', headers: { ETag: '"1"' }, body: JSON.stringify(body) });
  const subscription = subscriptions[given.subscription ?? 'pro'];
  await page.route('**/v1/plans', (route) => route.fulfill(json({ items: plans })));
  await page.route('**/v1/subscription', (route) => route.fulfill(json(subscription)));
  await page.route('**/v1/billing/refresh', (route) => route.fulfill(json(subscriptions[given.refresh ?? given.subscription ?? 'pro'])));
  await page.route('**/v1/subscription/preview', (route) => route.fulfill(json(preview((route.request().postDataJSON() as { plan: string }).plan))));
  await page.route('**/v1/invoices?*', (route) => route.fulfill(json({ items: given.invoices ?? invoices })));
  await page.route(/\/v1\/invoices\/[^/]+\/reconciliation(\?.*)?$/, (route) => {
    const id = new URL(route.request().url()).pathname.split('/').at(-2) ?? '';
    return route.fulfill(json(reconciliations[id]));
  });
}

/** Shows the organization as one that the operator suspended. */
async function suspend(page: Page, reason: string): Promise<void> {
  await page.route('**/v1/me', async (route) => {
    const response = await route.fetch();
    const me = (await response.json()) as { organizations: { organization: { suspended: boolean } }[] };
    me.organizations.forEach((m) => (m.organization.suspended = true));
    await route.fulfill({ response, json: me });
  });
  await page.route('**/v1/organization', async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as Record<string, unknown>;
    await route.fulfill({ response, json: { ...body, suspended: true, suspensions: [{ by: 'operator', reason, at: new Date().toISOString() }] } });
  });
}

/** Shows the page to a member with another role. */
async function asRole(page: Page, role: string): Promise<void> {
  await page.route('**/v1/me', async (route) => {
    const response = await route.fetch();
    const me = (await response.json()) as { organizations: { role: string }[] };
    me.organizations.forEach((m) => (m.role = role));
    await route.fulfill({ response, json: me });
  });
  await page.route('**/v1/subscription', (route) => route.abort());
}

/** Looks at a page in both widths and both themes. */
async function look(name: string, path: string, given: Given, act: (page: Page) => Promise<void> = async () => undefined): Promise<void> {
  for (const width of [1440, 390]) {
    const page = await browser.open(width, 'light');
    try {
      await give(page, given);
      if (given.suspended) await suspend(page, given.suspended);
      if (given.role) await asRole(page, given.role);
      await page.goto(tollgate.portal + path);
      await page.locator('h1').first().waitFor();
      await page.waitForFunction(() => document.querySelectorAll('.mantine-Skeleton-root').length === 0);
      await act(page);
      await page.waitForTimeout(150);
      for (const scheme of schemes) {
        await page.emulateMedia({ colorScheme: scheme });
        const where = `${name}, ${width} px, ${scheme}`;
        await gallery.takeWhole(page, name, `${width} ${scheme}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect.soft(overflow, `${where} is wider than the window`).toBeLessThanOrEqual(0);
        expect.soft(await axe(page), where).toEqual([]);
      }
    } finally {
      await page.close();
    }
  }
  expect.soft(browser.complaints(), `${name}: the browser's complaints`).toEqual([]);
}

const banner: Record<string, RegExp> = {
  'past due': /last payment of Difference Engines failed/, 'capped': /Requests of Difference Engines are limited/, 'suspended': /Difference Engines is suspended/,
  'ends': /The subscription ends on/, 'downgrade planned': /The plan changes to Pro on/,
  'incomplete': /first payment is not confirmed/,
};

describe.skipIf(short)('billing', () => {
  it.each(Object.keys(subscriptions) as (keyof typeof subscriptions)[])('plan and usage: %s', (subscription) =>
    look(`usage ${subscription}`, '/billing/overview', { subscription }, async (page) => {
      const found = banner[subscription];
      if (found) await page.getByText(found).first().waitFor();
    }),
  );
  it('suspended by the operator: why, and whom to ask', () =>
    look('suspended by the operator', '/gateways', { suspended: 'Requests to machines that are not yours' }, async (page) => {
      await page.getByText(/The operator’s reason: Requests to machines/).waitFor();
      expect(await page.getByRole('button', { name: 'Fix the payment' }).count()).toBe(0);
    }));
  it('the banner stands over other pages too', () =>
    look('banner', '/gateways', { subscription: 'past due' }, async (page) => {
      await page.getByRole('button', { name: 'Fix the payment' }).waitFor();
    }));
  it('a spending cap says what it means in requests', () =>
    look('cap', '/billing/overview', { subscription: 'pro' }, async (page) => {
      await page.getByLabel('Stop at an amount').check();
      await page.getByLabel('Amount in USD').fill('12.50');
      await page.getByText('Pays for 2,500,000 more: 7,500,000 requests a period.').waitFor();
    }));
  it('a cap that is no amount is refused beside its field', () =>
    look('cap refused', '/billing/overview', { subscription: 'pro' }, async (page) => {
      await page.getByLabel('Stop at an amount').check();
      await page.getByLabel('Amount in USD').fill('12.505');
      await page.getByText('Must be an amount such as 25 or 25.50.').waitFor();
    }));
  it('cancelling says what happens when', () =>
    look('cancel', '/billing/overview', { subscription: 'pro' }, async (page) => {
      await page.getByRole('button', { name: 'Cancel the subscription' }).click();
      await page.getByRole('dialog').getByText(/You can take the cancellation back/).waitFor();
    }));
  it.each(['no payment', 'free', 'pro', 'downgrade planned', 'ends'] as const)('plans: %s', (subscription) => look(`plans ${subscription}`, '/billing/plans', { subscription }));
  it.each([
    ['free', 'pro', 'Go to the payment page'],
    ['pro', 'scale', 'Upgrade to Scale'],
    ['pro', 'free', 'Change to Free'],
    ['no payment', 'pro', 'Upgrade to Pro'],
  ] as const)('the change from %s to %s', (subscription, to, button) =>
    look(`change ${subscription} to ${to}`, `/billing/plans?to=${to}`, { subscription }, async (page) => {
      await page.getByRole('dialog').getByRole('button', { name: button }).waitFor();
      await page.waitForFunction(() => document.querySelectorAll('.mantine-Skeleton-root').length === 0);
    }),
  );
  it('a plan that an operator gave can be bought', () =>
    look('plans given', '/billing/plans', { subscription: 'given' }, async (page) => {
      await page.getByRole('button', { name: 'Subscribe to Pro' }).click();
      const dialog = page.getByRole('dialog', { name: 'Subscribe to Pro?' });
      await dialog.getByText('Due now').waitFor();
      expect(await dialog.getByRole('button', { name: 'Go to the payment page' }).isEnabled()).toBe(true);
    }));
  it('back from the payment page without a payment', () => look('plans left', '/billing/plans?checkout=canceled', { subscription: 'free' }));
  it('invoices', () => look('invoices', '/billing/invoices', {}));
  it('no invoices yet', () => look('invoices none', '/billing/invoices', { invoices: [] }));
  it('no invoices without payment', () => look('invoices no payment', '/billing/invoices', { invoices: [], subscription: 'no payment' }));
  it('an invoice that adds up', () =>
    look('invoice', '/billing/invoices/in_8', {}, async (page) => {
      await page.getByRole('button', { name: /Requests on the plan Pro/ }).click();
      await page.getByText('It adds up').waitFor();
    }));
  it('an invoice whose ledger has more, and was changed', () =>
    look('invoice differs', '/billing/invoices/in_9', {}, async (page) => {
      await page.getByText('The ledger has 1,004 more').waitFor();
      await page.getByText('The ledger was changed after it was sealed').waitFor();
    }));
  it('the running period', () => look('running period', '/billing/invoices/current', {}));
  it('the running period of nothing', () => look('running period empty', '/billing/invoices/nothing', {}));
  it('coming back claims nothing before the subscription stands', () =>
    look('return waits', '/billing/return?plan=pro', { subscription: 'free', refresh: 'incomplete' }, async (page) => {
      await page.getByText('Waiting for the confirmation').waitFor();
      expect(await page.getByText('is yours').count()).toBe(0);
    }));
  it('coming back from the page of cards leads on', () =>
    look('return from cards', '/billing/return?from=cards', { subscription: 'past due' }, async (page) => {
      await page.getByRole('heading', { name: 'Plan and usage' }).waitFor();
    }));
  it('a viewer sees the use and no prices', () =>
    look('usage for a viewer', '/billing/overview', { role: 'viewer' }, async (page) => {
      await page.getByText('of 100,000 included requests used').waitFor();
      expect(await page.getByRole('link', { name: 'Invoices' }).count()).toBe(0);
    }));
  it('coming back to a subscription that stands', () =>
    look('return', '/billing/return?plan=pro', { subscription: 'pro' }, async (page) => {
      await page.getByRole('heading', { name: 'Pro is yours' }).waitFor();
    }));
});
