import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

export type Scheme = 'light' | 'dark';

/** Debian's browser, or the one that CHROMIUM names. */
function executable(): string {
  const paths = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const found = paths.find((path) => path && existsSync(path));
  if (!found) throw new Error('There is no Chromium: install the package chromium, or name the program in CHROMIUM.');
  return found;
}

const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--force-color-profile=srgb', '--font-render-hinting=none',
];

/** A browser with a fresh profile; what the pages complain about is collected. */
export interface Browser {
  context: BrowserContext;
  /** A new tab at a width, in a theme. */
  open: (width?: number, scheme?: Scheme) => Promise<Page>;
  /** Errors that pages threw, and what the content policy refused, since the last call. */
  complaints: () => string[];
  close: () => Promise<void>;
}

export async function startBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'tollgate-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable(), args: flags, headless: true, locale: 'en-GB', timezoneId: 'UTC', reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(15_000);
  let found: string[] = [];
  const listen = (page: Page) => {
    page.on('pageerror', (error) => found.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      const text = message.text();
      // Refused calls are part of what the tests do; everything else is a mistake.
      if (message.type() === 'error' && !text.startsWith('Failed to load resource')) found.push(`${page.url()}: ${text}`);
    });
  };
  context.pages().forEach(listen);
  context.on('page', listen);
  return {
    context,
    open: async (width = 1440, scheme = 'light') => {
      const page = await context.newPage();
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      return page;
    },
    complaints: () => {
      const all = found;
      found = [];
      return all;
    },
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
