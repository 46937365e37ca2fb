import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { signUp, type Api } from './harness/api';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

// Telemetry destinations and the tracing of a gateway, as somebody sets them up.
let tollgate: Tollgate;
let browser: Browser;
let api: Api;
let receiver: Server;
let url = '';
/** What the receiver answers, and what it got: path and credential. */
let status = 200;
const got: string[] = [];
const gallery = new Gallery('telemetry');
const secret = 'Bearer canary-0451';

beforeAll(async () => {
  receiver = createServer((request, response) => {
    got.push(`${request.url} ${request.headers.authorization ?? '-'}`);
    request.resume().on('end', () => response.writeHead(status).end());
  });
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
  const address = receiver.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  [tollgate, browser] = await Promise.all([startTollgate(), startBrowser()]);
  const page = await browser.open();
  api = await signUp(page, tollgate.portal, 'ada@example.com', 'Difference Engines');
  await api.post('/v1/gateways', { name: 'shop', mode: 'live' });
  await page.close();
});

afterAll(async () => {
  gallery.finish('Telemetry');
  await browser?.close();
  await tollgate?.stop();
  receiver?.closeAllConnections();
  receiver?.close();
});

async function look(page: Page, name: string, width: number): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await gallery.takeWhole(page, name, `${width} ${scheme}`);
    expect.soft(await axe(page), `${name}, ${width} px, ${scheme}`).toEqual([]);
  }
}

it.each([1440, 390])('a destination is made, tested and deleted, at %i px', async (width) => {
  const page = await browser.open(width);
  const name = `collector-${width}`;
  status = 200;
  await page.goto(`${tollgate.portal}/organization/telemetry`);
  await page.getByRole('link', { name: 'New destination' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('textbox', { name: 'URL' }).fill('ftp://files.example.com');
  await page.getByRole('button', { name: 'Add a header field' }).click();
  await page.getByRole('textbox', { name: 'Value' }).fill('grüße');
  await page.getByRole('button', { name: 'Save the destination' }).click();
  // Each bad field says what is wrong with it, and the first has the focus.
  for (const field of ['URL', 'Value']) {
    const input = await page.getByRole('textbox', { name: field }).elementHandle();
    await page.waitForFunction((e) => e?.getAttribute('aria-invalid') === 'true', input);
  }
  expect(await page.locator(':focus').count()).toBe(1);
  await look(page, 'errors', width);
  await page.getByRole('textbox', { name: 'URL' }).fill(url);
  await page.getByRole('textbox', { name: 'Value' }).fill(secret);
  await page.getByRole('button', { name: 'Save the destination' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  got.length = 0;
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('The test arrived').waitFor();
  // The worker may send its first metrics meanwhile.
  expect([...new Set(got.map((line) => line.split(' ')[0]))].sort()).toEqual(['/v1/logs', '/v1/metrics', '/v1/traces']);
  expect(got.every((line) => line.endsWith(secret))).toBe(true);
  await look(page, 'tested', width);
  // What is saved without new header fields keeps them, and never shows them.
  await page.getByRole('checkbox', { name: 'Traces' }).click();
  await page.getByRole('button', { name: 'Save the changes' }).click();
  await page.getByText('The destination is saved.').waitFor();
  expect(await api.get(`/v1/telemetry/destinations/${name}`)).toMatchObject({ signals: ['logs', 'metrics'], header_names: ['Authorization'] });
  expect(await page.content()).not.toContain('canary');
  status = 401;
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('The test failed').waitFor();
  expect(await page.getByText('check the header fields', { exact: false }).count()).toBeGreaterThan(0);
  await look(page, 'refused', width);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the destination' }).click();
  await page.getByText('Nothing is sent anywhere yet').waitFor();
  expect((await api.get<{ items: unknown[] }>('/v1/telemetry/destinations')).items).toEqual([]);
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it.each([1440, 390])('an alert watches destinations and certificates, at %i px', async (width) => {
  const page = await browser.open(width);
  for (const [kind, label] of [['certificate', 'Certificates'], ['telemetry', 'Telemetry']] as const) {
    await page.goto(`${tollgate.portal}/gateways/shop/new-alert`);
    await page.getByRole('textbox', { name: 'Name' }).fill(`${kind}-${width}`);
    await page.getByRole('combobox', { name: 'What is watched' }).click();
    await page.getByRole('option', { name: label }).click();
    await look(page, kind, width);
    await page.getByRole('button', { name: 'Save the alert' }).click();
    await page.getByRole('heading', { level: 1, name: `${kind}-${width}` }).waitFor();
    const made = await api.get<Record<string, unknown>>(`/v1/gateways/shop/alerts/${kind}-${width}`);
    expect(made).toMatchObject({ kind, threshold: kind === 'certificate' ? 14 : 15 });
    expect(made).not.toHaveProperty('window');
  }
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it.each([1440, 390])('a gateway traces requests, at %i px', async (width) => {
  const page = await browser.open(width);
  await page.goto(`${tollgate.portal}/gateways/shop/settings`);
  const trace = page.getByRole('switch', { name: 'Trace requests' });
  await trace.waitFor();
  if (!(await trace.isChecked())) await trace.click();
  await page.getByRole('textbox', { name: 'Requests that are traced' }).fill('5');
  await page.getByRole('textbox', { name: 'And those slower than' }).fill('soon');
  await page.getByRole('button', { name: 'Save the settings' }).click();
  const slow = await page.getByRole('textbox', { name: 'And those slower than' }).elementHandle();
  await page.waitForFunction((e) => e?.getAttribute('aria-invalid') === 'true', slow);
  await look(page, 'tracing', width);
  await page.getByRole('textbox', { name: 'And those slower than' }).fill('2s');
  await page.getByRole('button', { name: 'Save the settings' }).click();
  await page.getByText('The settings are saved.').waitFor();
  expect((await api.get('/v1/gateways/shop')).tracing).toEqual({ sample: 0.05, parent: 'own', slow: '2s' });
  expect(browser.complaints()).toEqual([]);
  await page.close();
});
