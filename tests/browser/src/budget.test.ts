import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page, Response } from 'playwright-core';
import { signUp } from './harness/api';
import { startBrowser, type Browser } from './harness/browser';
import { startTollgate, type Tollgate } from './harness/tollgate';

// What a browser loads, by gzip: its own caches are empty in each new profile.
const signInLimit = 300 * 1024;
const dashboardLimit = 600 * 1024;

let tollgate: Tollgate;
let browser: Browser;

beforeAll(async () => {
  [tollgate, browser] = await Promise.all([startTollgate(), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await tollgate?.stop();
});

interface Loaded {
  scripts: number;
  styles: number;
  fonts: number;
  foreign: string[];
  uncompressed: string[];
  perishable: string[];
}

/** Opens an address in an empty cache and adds up what came, as the portal packs it by gzip. */
async function load(page: Page, path: string): Promise<Loaded> {
  const seen: Response[] = [];
  const listen = (response: Response) => seen.push(response);
  page.on('response', listen);
  await page.goto(tollgate.portal + path);
  await page.locator('h1').waitFor();
  await page.waitForLoadState('networkidle');
  page.off('response', listen);
  const out: Loaded = { scripts: 0, styles: 0, fonts: 0, foreign: [], uncompressed: [], perishable: [] };
  for (const response of new Map(seen.map((r) => [r.url(), r])).values()) {
    const url = new URL(response.url());
    if (url.protocol === 'data:' || url.protocol === 'blob:') continue;
    if (url.origin !== tollgate.portal) out.foreign.push(response.url());
    const kind = response.request().resourceType();
    if (!['script', 'stylesheet', 'font'].includes(kind)) continue;
    const size = Number((await page.request.get(response.url(), { headers: { 'Accept-Encoding': 'gzip' } })).headers()['content-length'] ?? 0);
    expect(size, `${response.url()} has no length`).toBeGreaterThan(0);
    if (kind !== 'font' && response.headers()['content-encoding'] !== 'br') out.uncompressed.push(url.pathname);
    if (url.pathname.startsWith('/assets/') && !response.headers()['cache-control']?.includes('immutable')) out.perishable.push(url.pathname);
    if (kind === 'script') out.scripts += size;
    else if (kind === 'stylesheet') out.styles += size;
    else out.fonts += size;
  }
  return out;
}

const kib = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;

async function measure(name: string, path: string, limit: number, page: Page): Promise<void> {
  const found = await load(page, path);
  console.log(`${name}: JavaScript ${kib(found.scripts)} of ${kib(limit)}, styles ${kib(found.styles)}, fonts ${kib(found.fonts)} (gzip)`);
  expect(found.scripts).toBeGreaterThan(0);
  expect(found.scripts, `${name} loads too much JavaScript`).toBeLessThanOrEqual(limit);
  expect(found.foreign, 'requests to other hosts').toEqual([]);
  expect(found.uncompressed, 'sent without Brotli to a browser that takes it').toEqual([]);
  expect(found.perishable, 'hashed files that are not kept').toEqual([]);
}

it('the sign-in page stays small', async () => {
  const page = await browser.open();
  await measure('sign-in', '/login', signInLimit, page);
  await page.close();
});

it('the dashboard stays within its budget', async () => {
  const fresh = await startBrowser();
  try {
    const page = await fresh.open();
    const api = await signUp(page, tollgate.portal, 'budget@example.com', 'Budget');
    await api.post('/v1/gateways', { name: 'budget' });
    await measure('dashboard', '/gateways', dashboardLimit, page);
    await page.close();
    const overview = await fresh.open();
    await measure('overview of a gateway', '/gateways/budget/overview', dashboardLimit, overview);
  } finally {
    await fresh.close();
  }
});
