import { describe, expect, it } from 'vitest';
import { limitsOf, paragraphs, safeNext } from './words';

describe('words of the developer portal', () => {
  it('tell what a plan allows', () => {
    expect(limitsOf({ rate_limit: { rate: 10, per: 'minute', burst: 20 }, quota: { limit: 50_000, period: 'month' }, concurrency: 4 })).toEqual([
      '50,000 requests a month', 'At most 10 requests a minute, 20 at once', '4 requests at the same time',
    ]);
    expect(limitsOf({ rate_limit: { rate: 1 } })).toEqual(['At most 1 request a second']);
    expect(limitsOf({})).toEqual(['No limit of its own']);
  });
  it('make paragraphs of plain text', () => {
    expect(paragraphs('One\nline.\n\n \n<b>Two</b>\n')).toEqual(['One\nline.', '<b>Two</b>']);
    expect(paragraphs(undefined)).toEqual([]);
  });
  it('lead nowhere else', () => {
    expect(safeNext('/p/shop/keys?a=1', '/p/shop')).toBe('/p/shop/keys?a=1');
    for (const bad of ['https://evil.example', '//evil.example', '/p/shopping', '/gateways', '/p/shop/\\evil', undefined]) {
      expect(safeNext(bad, '/p/shop')).toBe('/p/shop');
    }
  });
});
