import { describe, expect, it } from 'vitest';
import { conflict, deeper, fileName, fits, firstSplit, intervalIn, narrow, questionOf, rangeIn, refreshMs, viewOf, wordsOf } from './view';

const now = Date.UTC(2026, 10, 22, 12, 0, 30);

describe('the view and the address', () => {
  it('is the last hour by route where the address says nothing', () => {
    const view = viewOf({});
    expect(view).toMatchObject({ by: 'route', sort: 'requests', compare: false, live: true, zone: 'local', filters: {} });
    expect(rangeIn(view, now)).toEqual({ from: '2026-11-22T11:00:00.000Z' });
  });
  it('comes back from its own words', () => {
    const filters = { route: 'orders', status: '5xx' };
    const words = wordsOf({ by: 'target', sort: 'errors', compare: true, live: false, zone: 'utc', interval: 'hour', filters });
    expect(viewOf({ ...words, range: '7d' })).toEqual({
      words: { range: '7d', from: undefined, to: undefined }, interval: 'hour', by: 'target', sort: 'errors', compare: true, live: false, zone: 'utc', filters,
    });
  });
  it('keeps defaults out of the address, and takes filters that went away from it', () => {
    expect(wordsOf({ by: 'route', sort: 'requests', compare: false, live: true, zone: 'local', filters: { route: 'a' } })).toEqual({
      by: undefined, sort: undefined, compare: undefined, live: undefined, zone: undefined,
      route: 'a', consumer: undefined, key: undefined, status: undefined, target: undefined, code: undefined,
    });
  });
  it('reads nonsense as nothing', () => {
    expect(viewOf({ by: 'colour', sort: 'name', interval: 'second', zone: 'mars' })).toMatchObject({ by: 'route', sort: 'requests', interval: undefined, zone: 'local' });
  });
});

describe('intervals', () => {
  const of = (words: Record<string, string>) => {
    const view = viewOf(words);
    return intervalIn(view, rangeIn(view, now), now);
  };
  it('fit the range', () => {
    expect([of({}), of({ range: '24h' }), of({ range: '90d' })]).toEqual(['minute', 'hour', 'day']);
  });
  it('are the chosen one only where the API has it', () => {
    expect(of({ range: '24h', interval: 'minute' })).toBe('minute');
    expect(of({ range: '7d', interval: 'minute' })).toBe('hour'); // 10,080 points
    expect(of({ range: '90d', interval: 'hour' })).toBe('day');
  });
  it('know that minutes are kept for 14 days, and that the period before is older', () => {
    const range = { from: new Date(now - 13.9 * 86_400_000).toISOString(), to: new Date(now - 13.5 * 86_400_000).toISOString() };
    expect(fits('minute', range, false, now)).toBe(true);
    expect(fits('minute', range, true, now)).toBe(false);
  });
});

describe('what is counted together', () => {
  it('says why a split is not to be had', () => {
    expect(conflict('consumer', { status: '404' })).toBe('status codes are not counted by consumer or key');
    expect(conflict('consumer', { status: '4xx' })).toBeUndefined();
    expect(conflict('target', { status: '404' })).toBe('status codes and targets are counted apart');
    expect(conflict('route', { target: 't' })).toBe('targets are not split by route');
    expect(conflict('code', { status: '5xx' })).toBe('an error code has its own status');
    expect(conflict('code', { code: 'no_route', status: '4xx' })).toBe('an error code has its own status');
    expect(conflict('status', { route: 'orders' })).toBeUndefined();
  });
  it('lets older filters give way to a picked group', () => {
    expect(narrow({ route: 'a' }, 'status', '404')).toEqual({ route: 'a', status: '404' });
    expect(narrow({ status: '404' }, 'consumer', 'acme')).toEqual({ consumer: 'acme' });
    expect(narrow({ code: 'no_route' }, 'target', 't1')).toEqual({ target: 't1' });
  });
  it('leads to a split that goes with what is picked', () => {
    expect(deeper('route', { route: 'a' })).toBe('status');
    expect(deeper('route', { route: 'a', consumer: 'acme' })).toBe('route');
    expect(deeper('consumer', { consumer: 'acme' })).toBe('key');
    expect(firstSplit({ target: 't' })).toBe('target');
  });
});

describe('questions', () => {
  it('hold what the page shows, so that an export equals it', () => {
    const view = viewOf({ compare: 'yes', consumer: 'acme', status: '5xx' });
    expect(questionOf(view, rangeIn(view, now), now)).toEqual({ from: '2026-11-22T11:00:00.000Z', interval: 'minute', consumer: 'acme', status: '5xx', compare: true });
    expect(fileName('shop', 'consumer')).toBe('analytics-shop-by-consumer.csv');
  });
  it('are asked again only where the view ends now', () => {
    expect(refreshMs(viewOf({}), 'minute')).toBe(2_000);
    expect(refreshMs(viewOf({ live: 'no' }), 'minute')).toBeUndefined();
    expect(refreshMs(viewOf({ from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z' }), 'hour')).toBeUndefined();
  });
});
