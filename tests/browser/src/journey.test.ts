import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { startBackend, type Backend } from './harness/backend';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

let tollgate: Tollgate;
let browser: Browser;
let backends: Backend[];
const short = process.env.TOLLGATE_SHORT === '1';
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
  await page.getByRole('heading', { level: 1 }).waitFor();
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

/** The guide up to the key; returns the key's secret. */
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
  return secret;
}

/**
 * Sends the request with the log and the chart open beside it, and takes the time
 * from its answer to its line in the one and its bar in the other.
 */
async function request(page: Page): Promise<void> {
  const log = await browser.open();
  await log.goto(`${tollgate.portal}/gateways/orders/logs?live=yes`);
  await log.getByRole('button', { name: 'Stop following' }).waitFor();
  const chart = await browser.open();
  await chart.goto(`${tollgate.portal}/gateways/orders/analytics?range=15m`);
  await chart.getByRole('heading', { level: 1, name: 'Analytics' }).waitFor();
  await chart.waitForLoadState('networkidle');
  await page.getByRole('button', { name: 'Send the request' }).click();
  await page.getByText(/Answered with 200/).waitFor();
  const answered = Date.now();
  const [logged, charted] = await Promise.all([
    log.getByText('/hello').first().waitFor({ timeout: 30_000 }).then(() => Date.now() - answered),
    chart.getByText('1 billed').waitFor({ timeout: 30_000 }).then(() => chart.locator('.recharts-bar-rectangle path').first().waitFor()).then(() => Date.now() - answered),
  ]);
  console.log(`in the log ${logged} ms after the answer, on the chart after ${charted} ms`);
  await see(page, '08 answered');
  await see(log, '09 log');
  await see(chart, '10 chart');
  await Promise.all([log.close(), chart.close()]);
  expect(backends.map((b) => b.hits()).reduce((a, b) => a + b)).toBeGreaterThan(0);
  if (short) return; // beside other work the times say nothing
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
  await request(page);
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
