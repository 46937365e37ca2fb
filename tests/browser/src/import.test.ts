import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { signUp, type Api } from './harness/api';
import { startBrowser, type Browser } from './harness/browser';
import { Gallery } from './harness/gallery';
import { startTollgate, type Tollgate } from './harness/tollgate';

// Imports as somebody makes them: a file, what becomes of it, an option, the change.
let tollgate: Tollgate;
let browser: Browser;
let api: Api;
const gallery = new Gallery('import');

const document = `openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /orders:
    get: {operationId: listOrders, responses: {"200": {description: ok}}}
    post:
      operationId: createOrder
      security: [{bearer: []}]
      responses: {"201": {description: made}}
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
`;

beforeAll(async () => {
  [tollgate, browser] = await Promise.all([startTollgate(), startBrowser()]);
  const page = await browser.open();
  api = await signUp(page, tollgate.portal, 'ada@example.com', 'Difference Engines');
  await page.close();
});

afterAll(async () => {
  gallery.finish('Import');
  await browser?.close();
  await tollgate?.stop();
});

async function look(page: Page, name: string, width: number): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await gallery.takeWhole(page, name, `${width} ${scheme}`);
    expect.soft(await axe(page), `${name}, ${width} px, ${scheme}`).toEqual([]);
    const overflow = await page.evaluate(() => window.document.documentElement.scrollWidth - window.document.documentElement.clientWidth);
    expect.soft(overflow, `${name}, ${width} px is wider than the window`).toBeLessThanOrEqual(0);
  }
}

const open = (page: Page, name: string, text: string) =>
  page.locator('input[type=file]').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });

it.each([1440, 390])('an OpenAPI document is imported, at %i px', async (width) => {
  const gateway = `shop-${width}`;
  await api.post('/v1/gateways', { name: gateway, mode: 'test' });
  const page = await browser.open(width);
  await page.goto(`${tollgate.portal}/gateways/${gateway}/openapi`);
  await page.getByRole('link', { name: 'Import or export' }).click();
  await page.getByRole('heading', { level: 1, name: 'Import' }).waitFor();
  await open(page, 'orders.yaml', document);
  await page.getByText('createOrder').waitFor();
  await page.getByRole('textbox', { name: 'Upstream' }).fill('http://127.0.0.1:9001');
  await page.getByRole('button', { name: 'Look at it' }).click();
  await page.getByText('It can’t be applied as it is').waitFor();
  await page.getByText('the document does not say who issues the tokens').waitFor();
  await look(page, 'refused', width);

  await page.getByRole('button', { name: 'More options' }).click();
  const more = page.getByRole('textbox', { name: 'Other options' });
  await more.fill('{"schemes"');
  await page.getByText('Is a JSON object').waitFor();
  await more.fill('{"schemes": {"bearer": {"type": "api_key"}}}');
  await page.getByRole('button', { name: 'Look at it' }).click();
  await page.getByRole('heading', { name: 'What will change' }).waitFor();
  await look(page, 'look', width);
  await page.getByRole('button', { name: /^Apply \d changes$/ }).click();
  await page.getByRole('heading', { name: 'What changed' }).waitFor();
  await look(page, 'applied', width);
  const route = await api.get<{ policies: { type: string }[] }>(`/v1/gateways/${gateway}/routes/createOrder`);
  expect(route.policies.map((p) => p.type)).toEqual(['api_key']);
  expect(browser.complaints()).toEqual([]);
  await page.close();
});

it('an nginx configuration is imported', async () => {
  await api.post('/v1/gateways', { name: 'old', mode: 'test' });
  const page = await browser.open();
  await page.goto(`${tollgate.portal}/gateways/old/import`);
  await page.getByText('nginx', { exact: true }).click();
  await open(page, 'site.conf', 'upstream b { server 127.0.0.1:9001; }\nserver {\n  location /files/ { proxy_pass http://b/; }\n}\n');
  await page.getByText('proxy_pass').waitFor();
  await page.getByRole('button', { name: 'Look at it' }).click();
  await page.getByRole('button', { name: /^Apply \d changes$/ }).click();
  await page.getByRole('heading', { name: 'What changed' }).waitFor();
  await look(page, 'nginx', 1440);
  await api.get('/v1/gateways/old/routes/files');
  expect(browser.complaints()).toEqual([]);
  await page.close();
});
