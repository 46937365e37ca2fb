import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { within } from './harness/api';
import { axe } from './harness/axe';
import { startBackend, type Backend } from './harness/backend';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

let tollgate: Tollgate;
let browser: Browser;
let backends: Backend[];
const gallery = new Gallery('journey');

beforeAll(async () => {
  [tollgate, browser] = await Promise.all([startTollgate(), startBrowser()]);
  backends = await Promise.all([startBackend('one'), startBackend('two')]);
});

afterAll(async () => {
  gallery.finish('From sign-up to a refused request, explained');
  await browser?.close();
  await Promise.all((backends ?? []).map((b) => b.stop()));
  await tollgate?.stop();
});

/** A picture of where the journey is, and what axe says of it. */
async function see(page: Page, name: string): Promise<void> {
  await gallery.take(page, 'journey', name);
  expect.soft(await axe(page), name).toEqual([]);
}

async function open(page: Page, path: string, heading: RegExp): Promise<void> {
  await page.goto(tollgate.portal + path);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
}

async function signUp(page: Page): Promise<void> {
  await page.goto(tollgate.portal);
  await see(page, '01 landing');
  await page.getByRole('link', { name: 'Start for free' }).first().click();
  await page.getByLabel('Organization').fill('Ada & Company');
  await page.getByLabel('E-mail address').fill('ada@example.com');
  await page.getByRole('textbox', { name: 'Password' }).fill('short');
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByText(/at least 10 char/).last().waitFor();
  await see(page, '02 sign-up refuses a short password');
  await page.getByRole('textbox', { name: 'Password' }).fill('a long enough password');
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('heading', { level: 1, name: 'First steps' }).waitFor();
}

/** The five steps of the guide; returns the key's secret. */
async function guide(page: Page): Promise<string> {
  await see(page, '03 guide');
  await page.getByLabel('Name').fill('Not A Name');
  await page.getByRole('button', { name: 'Make the gateway' }).click();
  await page.locator('.mantine-TextInput-error').waitFor();
  await see(page, '04 the error stands at its field');
  await page.getByLabel('Name').fill('orders');
  await page.getByRole('button', { name: 'Make the gateway' }).click();
  await page.getByLabel('Backend 1').fill(backends[0]?.url ?? '');
  await page.getByLabel('Backend 2').fill(backends[1]?.url ?? '');
  await see(page, '05 two backends');
  await page.getByRole('button', { name: 'Make the upstream' }).click();
  await page.getByLabel('Path').waitFor();
  await see(page, '06 route');
  await page.getByRole('button', { name: 'Make the route' }).click();
  await page.getByLabel('Consumer').fill('mobile-app');
  await page.getByRole('button', { name: 'Issue the key' }).click();
  const secret = (await page.getByTestId('secret').innerText()).trim();
  expect(secret).toMatch(/^tg_live_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}$/);
  await see(page, '07 the key, shown once');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('button', { name: 'Send the request' }).click();
  await page.getByText(/Answered with 200/).waitFor();
  await see(page, '08 answered');
  expect(backends.map((b) => b.hits()).reduce((a, b) => a + b)).toBeGreaterThan(0);
  return secret;
}

/** The answered request's line in the log and its place on the chart, each within its time. */
async function insight(page: Page, answered: number): Promise<void> {
  await open(page, '/gateways/orders/logs', /log/i);
  await page.getByText('/hello').first().waitFor({ timeout: 5000 });
  const logged = Date.now() - answered;
  await see(page, '09 log');
  await open(page, '/gateways/orders/analytics?range=15m', /analytics/i);
  const took = await within(8000, async () => {
    const chart = page.getByRole('main');
    if (!/\b1\b/.test(await chart.innerText())) throw new Error('the chart shows no request yet');
    if ((await page.locator('.recharts-surface').count()) === 0) throw new Error('there is no chart yet');
  });
  const charted = Date.now() - answered;
  await see(page, '10 chart');
  console.log(`in the log ${logged} ms after the answer, on the chart after ${charted} ms (it waited ${took} ms there); both with loading the pages`);
  expect(logged, 'the line in the log').toBeLessThanOrEqual(2000);
  expect(charted, 'the chart').toBeLessThanOrEqual(5000);
}

async function revoke(page: Page): Promise<void> {
  await open(page, '/gateways/orders/keys', /keys/i);
  await page.getByText('mobile-app').first().waitFor();
  await see(page, '11 keys');
  await page.getByRole('link', { name: /tg_live_|mobile-app/ }).first().click();
  await page.getByRole('button', { name: 'Revoke', exact: true }).click();
  await see(page, '12 revoking asks');
  await page.getByRole('button', { name: 'Revoke the key' }).click();
  await page.getByText(/1 of 1 edge|edge.*(refuse|confirmed)|confirmed/i).first().waitFor();
  await see(page, '13 receipt');
}

it('from sign-up to a refused request, explained, without a terminal', async () => {
  const page = await browser.open();
  await signUp(page);
  const secret = await guide(page);
  await insight(page, Date.now());
  await revoke(page);
  await open(page, '/guide?gateway=orders', /First steps/);
  await page.getByRole('textbox', { name: 'API key' }).fill(secret);
  await page.getByRole('button', { name: 'Send the request' }).click();
  await page.getByText(/Answered with 401/).waitFor();
  await see(page, '14 refused');
  await page.getByRole('link', { name: 'Explain it' }).click();
  await page.getByText('key_revoked').first().waitFor();
  await see(page, '15 explained');
  expect(browser.complaints()).toEqual([]);
});
