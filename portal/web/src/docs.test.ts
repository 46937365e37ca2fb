import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const pages = join(import.meta.dirname, '../../docs');

/** Every address of the documentation in the program, with the file that names it. */
function links(): { file: string; link: string }[] {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /\.tsx?$/.test(file) && !file.includes('.test.') && !file.endsWith('schema.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(import.meta.dirname, file), 'utf8');
      return [...text.matchAll(/["'`](\/docs\/?[^"'`\s]*)["'`]/g)].map((found) => ({ file, link: found[1] ?? '' }));
    });
}

/** The anchors of a page: its headings as the portal names them. */
const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map((found) => (found[1] ?? '').toLowerCase().replace(/[^\w\- ]/g, '').trim().replaceAll(' ', '-'));

/** What is wrong with an address, or nothing. */
function wrong(link: string): string | undefined {
  const [path = '', anchor] = link.split('#');
  // A part that is known only later, such as an error's code or a policy's type.
  const open = path.indexOf('${');
  if (open >= 0) return existsSync(join(pages, path.slice('/docs'.length, open))) ? undefined : 'there is no such folder';
  const name = path.replace(/^\/docs\/?/, '');
  if (name === 'api') return undefined; // rendered from openapi.yaml
  const file = [`${name}.md`, join(name, 'index.md')].map((f) => join(pages, f)).find((f) => existsSync(f));
  if (!file) return 'there is no such page';
  if (anchor === undefined || anchor.includes('${')) return undefined;
  return anchors(readFileSync(file, 'utf8')).includes(anchor) ? undefined : 'the page has no such heading';
}

test('every link to the documentation leads somewhere', () => {
  const all = links();
  expect(all.length).toBeGreaterThan(20);
  expect(all.filter(({ link }) => wrong(link)).map(({ file, link }) => `${file}: ${link}: ${wrong(link)}`)).toEqual([]);
});

test('a link to nowhere is found', () => {
  expect(wrong('/docs/nothing')).toBe('there is no such page');
  expect(wrong('/docs/alerts#nothing')).toBe('the page has no such heading');
  expect(wrong('/docs/alerts#webhooks')).toBeUndefined();
});
