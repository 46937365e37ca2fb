import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { signUp } from './harness/api';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { mailedLink } from './harness/mail';
import { startProvider, type Provider } from './harness/oidc';
import { startTollgate, type Tollgate } from './harness/tollgate';
import { totp } from './harness/totp';

const password = 'a long enough password';

let provider: Provider;
let tollgate: Tollgate;
let browser: Browser;
const gallery = new Gallery('account');

beforeAll(async () => {
  provider = await startProvider();
  [tollgate, browser] = await Promise.all([
    startTollgate({ TOLLGATE_OIDC_WORK_ISSUER: provider.issuer, TOLLGATE_OIDC_WORK_CLIENT_ID: 'test', TOLLGATE_OIDC_WORK_CLIENT_SECRET: 'test-secret' }),
    startBrowser(),
  ]);
});

afterAll(async () => {
  gallery.finish('Accounts, second factors, members');
  await browser?.close();
  await tollgate?.stop();
  await provider?.stop();
});

async function see(page: Page, name: string): Promise<void> {
  await gallery.take(page, 'account', name);
  expect.soft(await axe(page), name).toEqual([]);
}

async function open(page: Page, path: string, heading: string): Promise<void> {
  await page.goto(tollgate.portal + path);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

async function signIn(page: Page, email: string): Promise<void> {
  await open(page, '/login', 'Sign in');
  await page.getByLabel('E-mail address').fill(email);
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await press(page, 'Sign in');
}

/** What a click downloads, as text. */
async function download(page: Page, click: () => Promise<void>): Promise<string> {
  const [file] = await Promise.all([page.waitForEvent('download'), click()]);
  return readFileSync(await file.path(), 'utf8');
}

it('a second factor is set up with recovery codes, and asked for at the sign-in', async () => {
  const page = await browser.open();
  await signUp(page, tollgate.portal, 'ada@example.com', 'Engines');
  await open(page, '/account/security', 'Sign-in and security');
  await press(page, 'Set up an authenticator app');
  await page.getByRole('dialog').getByRole('textbox', { name: 'Your password' }).fill('not the password');
  await press(page, 'Go on');
  await page.getByRole('dialog').locator('[role=alert], .mantine-InputWrapper-error').first().waitFor();
  await see(page, '01 a wrong password is refused at its field');
  await page.getByRole('dialog').getByRole('textbox', { name: 'Your password' }).fill(password);
  await press(page, 'Go on');
  await page.getByRole('img', { name: /QR code/ }).waitFor();
  const secret = (await page.getByRole('dialog').locator('.tg-mono').first().innerText()).trim();
  await see(page, '02 the key for the app');
  await page.getByLabel('Code that the app shows').fill(totp(secret));
  await press(page, 'Turn it on');
  await page.getByRole('dialog').getByText('Each signs you in once').waitFor();
  await see(page, '03 recovery codes');
  const codes = (await download(page, () => page.getByRole('link', { name: 'Save as a file' }).click())).split('\n');
  expect(codes).toHaveLength(10);
  await press(page, 'I have kept them');
  await page.getByRole('button', { name: 'Turn it off', exact: true }).waitFor();

  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await signIn(page, 'ada@example.com');
  await page.getByRole('heading', { level: 1, name: 'Second step' }).waitFor();
  await page.getByLabel('Code').fill('000000');
  await press(page, 'Sign in');
  await page.locator('.mantine-InputWrapper-error, [role=alert]').first().waitFor();
  await see(page, '04 a wrong code is refused');
  // The code that turned it on is used up: the next step's is good already.
  await page.getByLabel('Code').fill(totp(secret, 1));
  await press(page, 'Sign in');
  await page.getByRole('heading', { level: 1, name: 'Gateways' }).waitFor();

  const other = await (await startOther()).open();
  await signIn(other, 'ada@example.com');
  await press(other, 'Use a recovery code');
  await other.getByLabel('Recovery code').fill(codes[0] ?? '');
  await press(other, 'Sign in');
  await other.getByRole('heading', { level: 1, name: 'Gateways' }).waitFor();

  await open(page, '/account/sessions', 'Sessions');
  await page.getByText('This one').waitFor();
  await see(page, '05 two sessions');
  await page.getByRole('button', { name: /^End the session/ }).first().click();
  await page.getByText('The session has ended.').waitFor();
  await other.goto(`${tollgate.portal}/gateways`);
  await other.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await other.close();
  await page.close();
});

const others: Browser[] = [];
afterAll(() => Promise.all(others.map((b) => b.close())));

/** Another browser, of somebody else. */
async function startOther(): Promise<Browser> {
  const other = await startBrowser();
  others.push(other);
  return other;
}

it('an address is changed by a link that goes to the new one', async () => {
  const mine = await startOther();
  const page = await mine.open();
  await signUp(page, tollgate.portal, 'old@example.com', 'Moving');
  await open(page, '/account/profile', 'Profile');
  await press(page, 'Change the address');
  await page.getByLabel('New address').fill('new@example.com');
  await page.getByRole('textbox', { name: 'Your password' }).fill(password);
  await press(page, 'Send the link');
  await page.getByText('A link went to').waitFor();
  await see(page, '06 the link is on its way');
  await page.goto(await mailedLink(tollgate, 'new@example.com', '/verify'));
  await press(page, 'Confirm');
  await page.getByRole('heading', { level: 1, name: 'Your address is confirmed' }).waitFor();
  await open(page, '/account/profile', 'Profile');
  await page.getByRole('main').getByText('new@example.com').waitFor();
  expect(mine.complaints()).toEqual([]);
});

it('members are invited, changed and removed', async () => {
  const mine = await startOther();
  const page = await mine.open();
  await signUp(page, tollgate.portal, 'owner@example.com', 'Crew');
  await open(page, '/organization/members', 'Members');
  await press(page, 'Invite somebody');
  await page.getByLabel('E-mail address').fill('not an address');
  await press(page, 'Send the invitation');
  await page.locator('.mantine-InputWrapper-error').first().waitFor();
  await see(page, '07 a bad address is refused at its field');
  await page.getByLabel('E-mail address').fill('mate@example.com');
  await press(page, 'Send the invitation');
  await page.getByRole('table', { name: /invitations/i }).getByText('mate@example.com').waitFor();

  const theirs = await startOther();
  const mate = await theirs.open();
  await mate.goto(await mailedLink(tollgate, 'mate@example.com', '/join'));
  await mate.getByRole('heading', { level: 1, name: 'Join Crew' }).waitFor();
  await see(mate, '08 an invitation');
  await mate.getByRole('textbox', { name: 'Choose a password' }).fill(password);
  await press(mate, 'Make the account and join');
  await mate.getByRole('heading', { level: 1, name: 'Gateways' }).waitFor();

  await open(page, '/organization/members', 'Members');
  await page.getByRole('combobox', { name: 'Role of mate@example.com' }).click();
  await page.getByRole('option', { name: 'Viewer' }).click();
  await see(page, '09 a change of role asks');
  await press(page, 'Change the role');
  await page.getByText('The role is changed.').waitFor();
  await press(page, 'Remove mate@example.com');
  await press(page, 'Remove the member');
  await page.getByText('mate@example.com is removed.').waitFor();
  await mate.goto(`${tollgate.portal}/gateways`);
  await mate.getByRole('heading', { level: 1, name: 'Welcome to Tollgate' }).waitFor();
  await see(mate, '10 nowhere at home');
  expect([...mine.complaints(), ...theirs.complaints()]).toEqual([]);
});

it('what is kept is exported, then the organization and the account are deleted', async () => {
  const mine = await startOther();
  const page = await mine.open();
  await signUp(page, tollgate.portal, 'leaving@example.com', 'Leaving');
  await open(page, '/account/profile', 'Profile');
  expect(await download(page, () => page.getByRole('link', { name: 'Download your data' }).click())).toContain('leaving@example.com');
  await press(page, 'Delete the account');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/to confirm/).fill('leaving@example.com');
  await dialog.getByRole('textbox', { name: 'Your password' }).fill(password);
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await dialog.getByRole('alert').waitFor();
  await see(page, '11 the last owner can’t go');

  await open(page, '/organization/settings', 'Settings');
  expect(await download(page, () => press(page, 'Export the organization'))).toContain('Leaving');
  await press(page, 'Delete the organization');
  await dialog.getByLabel(/to confirm/).fill('Leaving');
  await dialog.getByRole('textbox', { name: 'Your password' }).fill(password);
  await see(page, '12 deleting an organization asks');
  await dialog.getByRole('button', { name: 'Delete the organization' }).click();
  await page.getByRole('heading', { level: 1, name: 'Welcome to Tollgate' }).waitFor();

  await open(page, '/account/profile', 'Profile');
  await press(page, 'Delete the account');
  await dialog.getByLabel(/to confirm/).fill('leaving@example.com');
  await dialog.getByRole('textbox', { name: 'Your password' }).fill(password);
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await page.getByRole('link', { name: 'Start for free' }).first().waitFor();
  await signIn(page, 'leaving@example.com');
  await page.getByRole('alert').first().waitFor();
  await see(page, '13 gone');
  expect(mine.complaints()).toEqual([]);
});

it('a provider’s button signs in, and who is new names an organization', async () => {
  await provider.set('/redirects', [`${tollgate.portal}/v1/login/oidc/work/callback`]);
  await provider.set('/person', { subject: 'grace', email: 'grace@example.com', email_verified: true, name: 'Grace' });
  const page = await (await startOther()).open();
  await open(page, '/login', 'Sign in');
  await page.getByRole('link', { name: /with work$/i }).waitFor();
  await see(page, '14 a provider’s button');
  await page.getByRole('link', { name: /with work$/i }).click();
  await page.getByRole('heading', { level: 1, name: 'Welcome to Tollgate' }).waitFor();
  await page.getByLabel('Name of the organization').fill('Compilers');
  await press(page, 'Make the organization');
  await page.getByRole('heading', { level: 1, name: 'First steps' }).waitFor();
  await open(page, '/gateways', 'Gateways');
  await page.getByRole('link', { name: /gateway|first steps/i }).first().waitFor();
  await see(page, '15 no gateway yet');
});

it('the keyboard alone reaches the content, opens a dialog and comes back', async () => {
  const page = await (await startOther()).open();
  const api = await signUp(page, tollgate.portal, 'keys@example.com', 'Keyboard');
  await api.post('/v1/gateways', { name: 'board' });
  await open(page, '/gateways', 'Gateways');
  await page.keyboard.press('Tab');
  await see(page, '16 the first stop of the keyboard');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.closest('main') !== null)).toBe(true);
  // Each stop is to be seen: it has an outline or a border of its own.
  for (let i = 0; i < 12; i++) {
    const bare = await page.evaluate(() => {
      const now = document.activeElement;
      if (!now || now === document.body) return false;
      const style = getComputedStyle(now);
      return style.outlineStyle === 'none' && style.boxShadow === 'none' && style.borderStyle === 'none';
    });
    expect.soft(bare, `stop ${i + 1} can’t be seen`).toBe(false);
    await page.keyboard.press('Tab');
  }
});
