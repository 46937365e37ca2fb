import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axe } from './harness/axe';
import { signUp, within, type Api } from './harness/api';
import { startBackend, type Backend } from './harness/backend';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { send } from './harness/seed';
import { startTollgate, type Tollgate } from './harness/tollgate';

// A release on its route's page: while it runs, paused and gone on with, and stopped
// by its own rules, with the reason.
let tollgate: Tollgate;
let browser: Browser;
let api: Api;
let stable: Backend;
let canary: Server;
let failing = false;
let host: string;
const gallery = new Gallery('releases');
const base = '/v1/gateways/shop';

beforeAll(async () => {
  [tollgate, browser, stable] = await Promise.all([startTollgate(), startBrowser(), startBackend('stable')]);
  canary = createServer((_, response) => {
    response.statusCode = failing ? 500 : 200;
    response.end('canary');
  });
  await new Promise<void>((ready) => canary.listen(0, '127.0.0.1', ready));
  const address = canary.address();
  if (!address || typeof address !== 'object') throw new Error('no address');
  const page = await browser.open();
  api = await signUp(page, tollgate.portal, 'ada@example.com', 'Difference Engines');
  ({ hostname: host } = await api.post<{ hostname: string }>('/v1/gateways', { name: 'shop', mode: 'live' }));
  await api.put(`${base}/upstreams/orders`, { targets: [{ url: stable.url }] });
  await api.put(`${base}/upstreams/orders-v2`, { targets: [{ url: `http://127.0.0.1:${address.port}` }] });
  await api.put(`${base}/routes/orders`, {
    match: { path: '/orders/*' }, upstream: 'orders', public: true,
    policies: [{
      type: 'release',
      config: {
        stick_by: { from: 'header', name: 'X-User' },
        variants: [{ name: 'canary', upstream: 'orders-v2', schedule: { steps: [{ percent: 50, for: '1h' }, { percent: 100, for: '24h' }], stop: { error_percent: 5, latency: '2s', percentile: 'p95' } } }],
      },
    }],
  });
  await api.put(`${base}/alerts/releases`, { kind: 'release', channels: [{ type: 'mail', to: ['ada@example.com'] }] });
  await page.close();
});

afterAll(async () => {
  gallery.finish('Releases');
  canary?.close();
  await stable?.stop();
  await browser?.close();
  await tollgate?.stop();
});

async function users(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await send(tollgate, host, `/orders/${i}`, undefined, { 'X-User': `user-${i}` });
}

const state = async () => (await api.get<{ outcome: string; in_variant: { requests: number } }>(`${base}/routes/orders/release`));

it('is shown while it runs, is paused, goes on, and says why it stopped', async () => {
  await within(20_000, async () => expect((await state()).outcome).toBe('running'));
  await api.get(`${base}/live?wait=10s`);
  await users(80);
  await within(20_000, async () => expect((await state()).in_variant.requests).toBeGreaterThan(20));

  const page = await browser.open();
  await page.goto(`${tollgate.portal}/gateways/shop/routes/orders`);
  await page.getByRole('tab', { name: 'Release' }).click();
  await page.getByRole('heading', { name: /Release canary/ }).getByText('Running').waitFor();
  for (const width of [1440, 390]) {
    for (const scheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      expect.soft(await axe(page), `${width} ${scheme}`).toEqual([]);
      await gallery.takeWhole(page, 'running', `${width} ${scheme}`);
      expect.soft(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${width} overflows`).toBeLessThanOrEqual(0);
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('heading', { name: /Release canary/ }).getByText('Paused').waitFor();
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: /Release canary/ }).getByText('Running').waitFor();

  failing = true;
  await users(80);
  await within(60_000, async () => expect((await state()).outcome).toBe('stopped'));
  await page.getByText('Stopped by its rules').waitFor();
  await page.getByText(/percent of \d+ requests failed, more than 5/).first().waitFor();
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    expect.soft(await axe(page), `${width} stopped`).toEqual([]);
    await gallery.takeWhole(page, 'stopped', `${width} dark`);
  }
  // The alert tells who was to be told.
  await page.goto(`${tollgate.portal}/gateways/shop/alerts/releases`);
  await page.getByText(/The release canary of route orders stopped at step 1/).first().waitFor({ timeout: 30_000 });
  await gallery.takeWhole(page, 'alert', '390 dark');
  await page.goto(`${tollgate.portal}/organization/audit`);
  await page.getByText('Release was stopped').first().waitFor();
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it('is stopped by hand, and says who did', async () => {
  failing = false;
  await api.put(`${base}/routes/by-hand`, {
    match: { path: '/by-hand/*' }, upstream: 'orders', public: true,
    policies: [{ type: 'release', config: { variants: [{ name: 'canary', upstream: 'orders-v2', schedule: { steps: [{ percent: 10, for: '1h' }, { percent: 100 }] } }] } }],
  });
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/gateways/shop/routes/by-hand?tab=release`);
  await page.getByRole('button', { name: 'Stop and roll back' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Why' }).fill('the new search is slow');
  await gallery.take(page, 'stop', '1440 light');
  await dialog.getByRole('button', { name: 'Stop and roll back' }).click();
  await page.getByText('Stopped by hand').waitFor();
  await page.getByText('Stopped by ada@example.com: the new search is slow').waitFor();
  expect(browser.complaints()).toEqual([]);
  await page.close();
});
