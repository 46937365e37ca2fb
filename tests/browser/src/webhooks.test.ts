import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axe } from './harness/axe';
import { signUp, within, type Api } from './harness/api';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

// A webhook by the portal alone: made, its secret shown once, tested, told of a key,
// and a message that failed sent again.
let tollgate: Tollgate;
let browser: Browser;
let api: Api;
let receiver: Server;
let url: string;
let failing = true;
const gallery = new Gallery('webhooks');

beforeAll(async () => {
  [tollgate, browser] = await Promise.all([startTollgate(), startBrowser()]);
  receiver = createServer((request, response) => {
    request.resume();
    response.statusCode = failing ? 500 : 200;
    response.end(failing ? 'out of order' : 'thanks');
  });
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
  const address = receiver.address();
  if (!address || typeof address !== 'object') throw new Error('no address');
  url = `http://127.0.0.1:${address.port}/in`;
  const page = await browser.open();
  api = await signUp(page, tollgate.portal, 'ada@example.com', 'Difference Engines');
  await api.post('/v1/gateways', { name: 'shop', mode: 'live' });
  await api.put('/v1/gateways/shop/consumers/app', {});
  await page.close();
});

afterAll(async () => {
  gallery.finish('Webhooks');
  receiver?.close();
  await browser?.close();
  await tollgate?.stop();
});

it('is made, tested and told, and sends again what failed', async () => {
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/gateways/shop/webhooks`);
  await page.getByText('Nobody is told yet').waitFor();
  await page.getByRole('link', { name: 'New webhook' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('audit');
  await page.getByRole('textbox', { name: 'URL' }).fill('ftp://nowhere');
  await page.getByRole('button', { name: 'Make the webhook' }).click();
  await page.locator('input[type=url][aria-invalid=true]').waitFor();
  await page.getByRole('textbox', { name: 'URL' }).fill(url);
  await page.getByRole('radio', { name: 'What I choose' }).check();
  await page.getByRole('button', { name: 'Make the webhook' }).click();
  await page.getByText('Choose at least one.').waitFor();
  await page.getByRole('checkbox', { name: 'key.created' }).check();
  await page.getByRole('button', { name: 'Make the webhook' }).click();
  const secret = await page.getByTestId('secret').innerText();
  expect(secret).toMatch(/^whsec_/);
  expect.soft(await axe(page), 'the secret').toEqual([]);
  await gallery.takeWhole(page, 'secret', '1440 light');
  await page.getByRole('link', { name: 'To the webhook, to test it' }).click();

  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('The test failed').waitFor();
  await page.getByRole('status').getByText('out of order').waitFor();
  await api.post('/v1/gateways/shop/keys', { consumer: 'app' });
  await page.getByText('Failed, is tried again').first().waitFor({ timeout: 15_000 });
  failing = false;
  await page.getByRole('button', { name: 'Show key.created' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('"consumer": "app"').waitFor();
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      expect.soft(await axe(page), `a delivery, ${width} ${scheme}`).toEqual([]);
      await gallery.take(page, 'delivery', `${width} ${scheme}`);
    }
  }
  const again = dialog.getByRole('button', { name: 'Send it again' });
  if (await dialog.getByText('Taken').count() === 0) await again.click();
  await dialog.getByText('Taken').waitFor({ timeout: 15_000 });
  await dialog.getByText('thanks').waitFor();
  await page.keyboard.press('Escape');
  await within(10_000, async () => {
    const { state } = await api.get<{ state: { status: string } }>('/v1/gateways/shop/webhooks/audit');
    expect(state.status).toBe('ok');
  });
  expect(await page.content()).not.toContain(secret);
  expect.soft(browser.complaints()).toEqual([]);
  await page.close();
});
