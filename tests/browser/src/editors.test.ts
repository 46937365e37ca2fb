import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { signUp, type Api } from './harness/api';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

// What the editors of routes and upstreams send to the API: parts that no other test fills in.
let tollgate: Tollgate;
let browser: Browser;
let api: Api;
const gallery = new Gallery('editors');
const base = '/v1/gateways/shop';

beforeAll(async () => {
  [tollgate, browser] = await Promise.all([startTollgate(), startBrowser()]);
  const page = await browser.open();
  api = await signUp(page, tollgate.portal, 'ada@example.com', 'Difference Engines');
  await api.post('/v1/gateways', { name: 'shop', mode: 'live' });
  await api.put(`${base}/upstreams/chat`, { targets: [{ url: 'https://chat.example.com' }] });
  await api.put(`${base}/secrets/our-identity`, { value: 'not a real one' });
  await api.put(`${base}/routes/chat`, { match: { path: '/chat' }, upstream: 'chat', public: true });
  await page.close();
});

afterAll(async () => {
  gallery.finish('Editors');
  await browser?.close();
  await tollgate?.stop();
});

/** Saves what the editor holds: the button, then the same one below what changes. */
async function save(page: Page, what: string): Promise<void> {
  const button = { name: `Save the ${what}` };
  await page.getByText('Everything is valid.', { exact: false }).waitFor();
  await page.getByRole('button', button).click();
  await page.getByRole('dialog').getByRole('button', button).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
}

it.each([1440, 390])('a route takes WebSockets, at %i px', async (width) => {
  const page = await browser.open(width);
  await page.goto(`${tollgate.portal}/gateways/shop/routes/chat`);
  await page.getByRole('button', { name: /^WebSockets/ }).click();
  const take = page.getByRole('switch', { name: 'Take WebSockets' });
  await take.click();
  await page.getByRole('textbox', { name: 'Largest message' }).fill('65536');
  await page.getByRole('textbox', { name: 'Silence that ends it' }).fill('half a day');
  await page.getByRole('textbox', { name: 'Longest life' }).fill('2h');
  await page.getByRole('combobox', { name: 'Pages that may connect' }).fill('https://*.example.com');
  await page.keyboard.press('Enter');
  await page.getByRole('switch', { name: 'Let both sides compress' }).click();
  // What the API says of a field stands at that field while it is written.
  const idle = page.getByRole('textbox', { name: 'Silence that ends it' });
  await page.waitForFunction((input) => input?.getAttribute('aria-invalid') === 'true', await idle.elementHandle());
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await gallery.takeWhole(page, 'websocket', `${width} ${scheme}`);
    expect.soft(await axe(page), scheme).toEqual([]);
  }
  await idle.fill('90s');
  await save(page, 'route');
  expect((await api.get(`${base}/routes/chat`)).websocket).toEqual({
    max_message_bytes: 65536, idle_timeout: '1m30s', max_lifetime: '2h0m0s', origins: ['https://*.example.com'], compression: true,
  });
  await take.click();
  await save(page, 'route');
  expect((await api.get(`${base}/routes/chat`)).websocket).toBeUndefined();
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it('an upstream’s TLS is set in the form', async () => {
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/gateways/shop/upstreams/chat`);
  await page.getByRole('button', { name: /^Connections and TLS/ }).click();
  await page.getByRole('textbox', { name: 'Name in the handshake' }).fill('inner.example.com');
  await page.getByRole('combobox', { name: 'Oldest TLS version' }).click();
  await page.getByRole('option', { name: 'TLS 1.3' }).click();
  await page.getByRole('combobox', { name: 'Certificate that targets are shown' }).click();
  await page.getByRole('option', { name: 'our-identity' }).click();
  await gallery.takeWhole(page, 'upstream TLS', '1440 light');
  expect.soft(await axe(page)).toEqual([]);
  await save(page, 'upstream');
  expect((await api.get(`${base}/upstreams/chat`)).tls).toEqual({
    server_name: 'inner.example.com', min_version: '1.3', client_certificate: { secret: 'our-identity' },
  });
  expect(browser.complaints()).toEqual([]);
  await page.close();
});
