import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

interface Shot {
  group: string;
  name: string;
  file: string;
}

const escape = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/**
 * Screenshots in a folder with an index.html to page through: artefacts/<name>,
 * or below TOLLGATE_ARTEFACTS.
 */
export class Gallery {
  readonly folder: string;
  private readonly shots: Shot[] = [];

  constructor(name: string) {
    this.folder = join(process.env.TOLLGATE_ARTEFACTS ?? 'artefacts', name);
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
  }

  /** Takes a picture of what is in sight. */
  async take(page: Page, group: string, name: string): Promise<void> {
    const file = `${group}-${name}.png`.replace(/[^A-Za-z0-9._-]+/g, '-');
    await page.screenshot({ path: join(this.folder, file), animations: 'disabled' });
    this.shots.push({ group, name, file });
  }

  /**
   * Takes a picture of the whole page: in a window of its height, so that what
   * sticks to an edge, and rows that are made when they are in sight, are as they
   * would be.
   */
  async takeWhole(page: Page, group: string, name: string): Promise<void> {
    const before = page.viewportSize();
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    if (before && height > before.height) {
      await page.setViewportSize({ width: before.width, height: Math.min(height, 6000) });
      await page.waitForTimeout(100);
    }
    await this.take(page, group, name);
    if (before) await page.setViewportSize(before);
  }

  /** Writes the index. */
  finish(title: string): void {
    const groups = [...new Set(this.shots.map((s) => s.group))];
    const body = groups
      .map((group) => {
        const pictures = this.shots
          .filter((s) => s.group === group)
          .map((s) => `<figure><a href="${escape(s.file)}"><img loading="lazy" src="${escape(s.file)}" alt="${escape(`${group}, ${s.name}`)}"></a><figcaption>${escape(s.name)}</figcaption></figure>`);
        return `<h2 id="${escape(group)}">${escape(group)}</h2><div>${pictures.join('')}</div>`;
      })
      .join('\n');
    const style =
      'body{font:16px/1.5 system-ui,sans-serif;margin:2rem;background:#777;color:#fff}div{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}figure{margin:0}img{max-height:420px;max-width:640px;display:block}a{color:inherit}';
    const links = groups.map((g) => `<a href="#${escape(g)}">${escape(g)}</a>`).join(' · ');
    const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><style>${style}</style><h1>${escape(title)}</h1><p>${links}</p>${body}</html>`;
    writeFileSync(join(this.folder, 'index.html'), page);
  }
}
