import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { Api, signUp } from './harness/api';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

interface Codes {
  device_code: string;
  user_code: string;
  verification_uri_complete: string;
}

let tollgate: Tollgate;
let browser: Browser;
const gallery = new Gallery('device');

beforeAll(async () => {
  [tollgate, browser] = await Promise.all([startTollgate(), startBrowser()]);
});

afterAll(async () => {
  gallery.finish('A command line that signs in');
  await browser?.close();
  await tollgate?.stop();
});

async function see(page: Page, name: string): Promise<void> {
  await gallery.take(page, 'device', name);
  expect.soft(await axe(page), name).toEqual([]);
}

const begin = (page: Page) => new Api(page, tollgate.portal).post<Codes>('/v1/login/device', { host: 'ada-laptop' });
const collect = (page: Page, codes: Codes) =>
  page.request.post(`${tollgate.portal}/v1/login/device/token`, { data: { device_code: codes.device_code }, headers: { Origin: tollgate.portal } });
const heading = (page: Page, name: string) => page.getByRole('heading', { name }).waitFor();
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

it('signs in first, comes back to the code, and lets a command line in', async () => {
  const page = await browser.open();
  await signUp(page, tollgate.portal, 'ada@example.com', 'Engines');
  await page.context().clearCookies();
  const codes = await begin(page);
  const asked = new URL(codes.verification_uri_complete);
  await page.goto(tollgate.portal + asked.pathname + asked.search);
  await page.getByLabel('E-mail address').fill('ada@example.com');
  await page.getByRole('textbox', { name: 'Password' }).fill('a long enough password');
  await press(page, 'Sign in');
  await heading(page, 'Who asks');
  await page.getByText(codes.user_code, { exact: true }).waitFor();
  await page.getByText('ada-laptop', { exact: true }).waitFor();
  await page.getByRole('radio', { name: 'Do only what you choose' }).check();
  await press(page, 'Allow');
  await page.getByText('Choose at least one permission.').waitFor();
  await see(page, '01 nothing is chosen');
  await page.getByRole('radio', { name: 'Look at everything that you may see' }).check();
  expect((await collect(page, codes)).status()).toBe(400);
  await press(page, 'Allow');
  await heading(page, 'The command line is signed in');
  await see(page, '02 it is allowed');
  await page.getByRole('link', { name: 'management tokens', exact: true }).click();
  await heading(page, 'Management tokens');
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it('takes a code that is typed, and denies it', async () => {
  const page = await browser.open(390, 'dark');
  const codes = await begin(page);
  await page.goto(`${tollgate.portal}/device`);
  const field = page.getByLabel('Code');
  await field.fill('abc');
  await press(page, 'Continue');
  await page.getByText('This is no code').waitFor();
  await see(page, '03 it is no code');
  await field.fill(codes.user_code.toLowerCase().replace('-', ' '));
  await press(page, 'Continue');
  await heading(page, 'Who asks');
  await press(page, 'Deny');
  await heading(page, 'The sign-in was denied');
  await see(page, '04 it is denied');
  const answer = await collect(page, codes);
  expect(((await answer.json()) as { code: string }).code).toBe('access_denied');
  expect(browser.complaints()).toEqual([]);
  await page.close();
});
