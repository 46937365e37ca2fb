import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { Api, signUp, within } from './harness/api';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';
import { totp } from './harness/totp';

const password = 'a long enough password';

let tollgate: Tollgate;
let browser: Browser;
let theirs: Browser;
let customer: Api;
let api: Api;
const gallery = new Gallery('operator');

beforeAll(async () => {
  [tollgate, browser, theirs] = await Promise.all([startTollgate({ TOLLGATE_OPERATORS: 'Boss@example.com' }), startBrowser(), startBrowser()]);
  api = await signUp(await browser.open(), tollgate.portal, 'boss@example.com', 'Those who run it');
  customer = await signUp(await theirs.open(), tollgate.portal, 'ada@example.com', 'Difference Engines');
  await customer.post('/v1/gateways', { name: 'shop', mode: 'live' });
});

afterAll(async () => {
  gallery.finish('The operator’s console');
  await Promise.all([browser?.close(), theirs?.close()]);
  await tollgate?.stop();
});

const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name, level: 1 }).waitFor();
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

/** What must hold for a page however it looks, and a picture of it. */
async function see(page: Page, group: string, name: string): Promise<void> {
  await page.waitForFunction(() => document.querySelectorAll('.mantine-Skeleton-root').length === 0);
  await page.waitForTimeout(150);
  await gallery.takeWhole(page, group, name);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect.soft(overflow, `${group}, ${name} is wider than the window`).toBeLessThanOrEqual(0);
  expect.soft(await axe(page), `${group}, ${name}`).toEqual([]);
}

it('asks an operator for a second factor, and shows the console to nobody else', async () => {
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/operator/organizations`);
  await page.getByRole('heading', { name: 'A second factor is needed here' }).waitFor();
  await see(page, 'door', 'without a second factor');
  const { secret } = await api.post<{ secret: string }>('/v1/totp', { current_password: password });
  await api.post('/v1/totp/confirm', { code: totp(secret) });
  await page.context().clearCookies();
  await page.goto(`${tollgate.portal}/login`);
  await page.getByLabel('E-mail address').fill('boss@example.com');
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await press(page, 'Sign in');
  await page.getByLabel(/code/i).first().fill(totp(secret, 1));
  await press(page, 'Sign in');
  await page.getByRole('link', { name: 'Organizations' }).click();
  await heading(page, 'Organizations');
  await page.getByRole('link', { name: 'Difference Engines' }).waitFor();
  const other = await theirs.open();
  await other.goto(`${tollgate.portal}/gateways`);
  await heading(other, 'Gateways');
  expect(await other.getByRole('link', { name: 'Edges' }).count()).toBe(0);
  await other.goto(`${tollgate.portal}/operator/edges`);
  await other.getByText('There is no such resource').waitFor();
  await page.close();
  await other.close();
});

it('suspends an organization whose members read why, and lets it go on', async () => {
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/operator/organizations?q=ADA@example`);
  await page.getByRole('link', { name: 'Difference Engines' }).click();
  await heading(page, 'Difference Engines');
  await page.getByLabel('New note').fill('Called them: they know.');
  await press(page, 'Add the note');
  await page.getByText('Called them: they know.', { exact: true }).last().waitFor();
  await press(page, 'Suspend');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Suspend', exact: true }).click();
  await dialog.getByText('Say why.').waitFor();
  await see(page, 'organization', 'a suspension without a reason');
  await dialog.getByLabel('Reason').fill('Spam was sent through the gateway shop.');
  await dialog.getByLabel('Message to the owners').fill('Close the open route, then write to abuse@example.com.');
  await dialog.getByLabel(/to confirm/).fill('Difference Engines');
  await dialog.getByRole('button', { name: 'Suspend', exact: true }).click();
  await page.getByText('Suspended by an operator').waitFor();
  const other = await theirs.open(390, 'dark');
  await other.goto(`${tollgate.portal}/gateways`);
  await other.getByText(/Spam was sent through the gateway shop/).waitFor();
  await see(other, 'suspended', 'what its members see, 390 dark');
  await expect(customer.post('/v1/gateways', { name: 'another' })).rejects.toThrow('organization_suspended');
  await expect(customer.post('/v1/organizations', { name: 'Elsewhere' })).rejects.toThrow('organization_suspended');
  await other.setViewportSize({ width: 1440, height: 900 });
  await other.getByRole('button', { name: /^Organization: Difference Engines/ }).click();
  await other.getByRole('menuitem', { name: 'New organization' }).click();
  await other.getByText('you can’t make another organization').waitFor();
  await see(other, 'suspended', 'no other organization, 1440 dark');
  await other.close();
  await press(page, 'End the suspension');
  await page.getByRole('dialog').getByLabel('Reason').fill('It is settled.');
  await page.getByRole('dialog').getByRole('button', { name: 'End the suspension' }).click();
  await page.getByRole('button', { name: 'Suspend', exact: true }).waitFor();
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it('looks at an organization as a viewer, visibly, and ends it', async () => {
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/operator/organizations/${customer.organization}`);
  await press(page, 'Look at it as a viewer');
  await page.getByRole('dialog').getByLabel('Reason').fill('Ticket 7');
  await press(page, 'Look at it');
  await heading(page, 'Gateways');
  await page.getByText('You look at Difference Engines as an operator').waitFor();
  await page.getByRole('link', { name: 'shop' }).first().waitFor();
  expect(await page.getByRole('link', { name: 'Edges' }).count()).toBe(0);
  await see(page, 'view', 'what the operator sees');
  await page.setViewportSize({ width: 390, height: 844 });
  await see(page, 'view', 'what the operator sees, 390');
  await page.setViewportSize({ width: 1440, height: 900 });
  await press(page, 'End the view');
  await heading(page, 'Difference Engines');
  expect(await page.getByText('You look at').count()).toBe(0);
  const other = await theirs.open();
  await other.goto(`${tollgate.portal}/organization/audit`);
  await other.getByText('Operator of this Tollgate').first().waitFor();
  await see(other, 'view', 'what its audit log says');
  await other.close();
  await page.close();
});

it('filters the audit of operators when Enter is pressed', async () => {
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/operator/audit`);
  await page.getByText('Ticket 7').first().waitFor();
  await page.getByLabel('Operator', { exact: true }).fill('nobody@example.com');
  await page.getByLabel('Operator', { exact: true }).press('Enter');
  await page.getByText('Nothing matches').waitFor();
  await page.getByLabel('Operator', { exact: true }).fill('');
  await press(page, 'Filter');
  await page.getByText('Ticket 7').first().waitFor();
  await page.close();
});

it('shows what is to go to Stripe, and drops a credit with a reason', async () => {
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/operator/outgoing`);
  await page.getByText('Nothing waits for Stripe').waitFor();
  await see(page, 'to Stripe', 'nothing');
  await page.goto(`${tollgate.portal}/operator/organizations/${customer.organization}`);
  await press(page, 'Give a credit');
  await page.getByRole('dialog').getByLabel(/^Amount/).fill('12.50');
  await page.getByRole('dialog').getByLabel('Reason').fill('The outage of 3 November');
  await page.getByRole('dialog').getByRole('button', { name: 'Give the credit' }).click();
  await page.getByRole('heading', { name: 'To Stripe', level: 2 }).waitFor();
  await page.getByText('When it is a customer of Stripe').waitFor();
  await see(page, 'to Stripe', 'on an organization’s page');
  for (const [width, scheme] of [[1440, 'light'], [390, 'dark'], [390, 'light']] as const) {
    const other = await browser.open(width, scheme);
    await other.goto(`${tollgate.portal}/operator/outgoing`);
    await other.getByText('Credit of $12.50').waitFor();
    await see(other, 'to Stripe', `a credit, ${width} ${scheme}`);
    await other.close();
  }
  // By the keyboard alone, from the button to the reason and out again.
  await page.goto(`${tollgate.portal}/operator/outgoing`);
  await page.getByRole('button', { name: 'Drop: Credit of $12.50 of Difference Engines' }).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Drop the credit of $12.50?' });
  await dialog.waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await page.keyboard.press('Enter'); // the focus is back on the button
  await dialog.getByRole('button', { name: 'Drop', exact: true }).click();
  await dialog.getByText('Say why.').waitFor();
  await see(page, 'to Stripe', 'a drop without a reason');
  await page.setViewportSize({ width: 390, height: 844 });
  await see(page, 'to Stripe', 'a drop without a reason, 390');
  await page.setViewportSize({ width: 1440, height: 900 });
  await dialog.getByLabel('Reason').fill('Given twice');
  await dialog.getByRole('button', { name: 'Drop', exact: true }).click();
  await page.getByText('Nothing waits for Stripe').waitFor();
  await page.goto(`${tollgate.portal}/operator/audit`);
  await page.getByText('Given twice').first().waitFor();
  await page.getByText('Credit or line for the payment provider dropped').first().waitFor();
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it('says what fails at Stripe, why, and when it is tried next', async () => {
  const of = { organization: customer.organization, name: 'Difference Engines' };
  const soon = new Date(Date.now() + 1_500_000).toISOString();
  const items = [
    { id: 'credit:cr_1', kind: 'credit', cents: 1250, currency: 'usd', text: 'The outage of 3 November', actor: 'boss@example.com', tries: 14, last_error: 'payment provider: give credit: invalid, status 400, parameter_invalid_integer (amount), request req_0123456789abcdefghijklmnop', next_at: soon, droppable: true, sending: false },
    { id: 'customer:cus_1', kind: 'customer', text: 'The customer’s subscription and invoices', tries: 3, last_error: 'payment provider: get customer: temporary, status 500', next_at: soon, droppable: false, sending: false },
    { id: 'line:late:1:pro:5:7', kind: 'line', cents: 2000, currency: 'usd', text: 'Requests on plan pro that were counted after the invoice of 1 October 2026 to 31 October 2026', tries: 1, last_error: 'payment provider: add item: temporary', next_at: soon, droppable: true, sending: true },
    { id: 'parked:org:2', kind: 'parked', text: 'Requests on plan pro', tries: 0, last_error: 'no such meter', next_at: '2026-01-01T00:00:00Z', droppable: false, sending: false },
    { id: 'usage:org', kind: 'usage', text: 'Requests of the hours that have ended', tries: 2, last_error: 'payment provider: post usage: unauthorized, status 401', next_at: soon, droppable: false, sending: false },
  ].map((e) => ({ ...of, ...e }));
  for (const [width, scheme] of [[1440, 'light'], [1440, 'dark'], [390, 'light'], [390, 'dark']] as const) {
    const page = await browser.open(width, scheme);
    await page.route('**/v1/operator/outgoing?*', (route) => route.fulfill({ status: 200, contentType: 'application/json', body: JSON.stringify({ items }) }));
    await page.goto(`${tollgate.portal}/operator/outgoing`);
    await page.getByText('status 400').waitFor();
    await see(page, 'to Stripe', `what fails, ${width} ${scheme}`);
    expect(await page.getByRole('button', { name: /^Retry: / }).count()).toBe(4);
    expect(await page.getByRole('button', { name: /^Drop: / }).count()).toBe(1);
    if (width === 390 && scheme === 'light') {
      const problem = { type: 'https://tollgate.test/docs/api-errors#conflict', title: 'Conflict', status: 409, code: 'conflict', detail: 'it is being sent at this moment: try again in a few minutes', request_id: 'r' };
      await page.route('**/v1/operator/outgoing/*/retry', (route) => route.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify(problem) }));
      await page.getByRole('button', { name: 'Retry: Customer to fetch of Difference Engines' }).click();
      const dialog = page.getByRole('dialog', { name: 'Retry the customer to fetch now?' });
      await dialog.getByLabel('Reason').fill('Stripe is well again');
      await dialog.getByRole('button', { name: 'Retry', exact: true }).click();
      await dialog.getByText('it is being sent at this moment').waitFor();
      await see(page, 'to Stripe', 'a retry that is refused, 390');
    }
    await page.close();
  }
});

it('drains an edge and lets it serve again', async () => {
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/operator/edges`);
  await page.getByText('Serving').waitFor();
  await page.getByRole('button', { name: /^Drain / }).click();
  await page.getByRole('dialog').getByLabel('Reason').fill('A new disk');
  await page.getByRole('dialog').getByRole('button', { name: 'Drain', exact: true }).click();
  await page.getByText('Drained by an operator').waitFor();
  await see(page, 'edges', 'drained');
  await page.getByRole('button', { name: /^Let it serve/ }).click();
  await page.getByRole('dialog').getByLabel('Reason').fill('It is in');
  await page.getByRole('dialog').getByRole('button', { name: 'Let it serve' }).click();
  await within(10_000, async () => {
    expect(await page.getByText('Serving').count()).toBe(1);
  });
  await page.close();
});
