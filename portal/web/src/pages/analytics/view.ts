import type { paths } from '@/api/schema';
import { intervalOf, rangeOf, type Range, type RangeWords } from '@/ui/range';
import { widths, type Interval, type Zone } from '@/ui/charts/axis';

export type UsageQuery = NonNullable<paths['/v1/gateways/{gateway}/usage']['get']['parameters']['query']>;
export type Split = NonNullable<UsageQuery['group_by']>;
export type Sort = NonNullable<UsageQuery['sort']>;

export const splits = ['route', 'consumer', 'key', 'status', 'target', 'code'] as const satisfies readonly Split[];
export const sorts = ['requests', 'errors', 'refused', 'upstream_errors', 'billed', 'bytes_in', 'bytes_out'] as const satisfies readonly Sort[];

/** What narrows a question, by the API's own names. */
export type Filters = Partial<Record<Split, string>>;

/** All that the page shows is told by its address, so that a view can be sent on. */
export interface View {
  words: RangeWords;
  /** Undefined: what fits the range. */
  interval?: Interval;
  by: Split;
  sort: Sort;
  compare: boolean;
  live: boolean;
  zone: Zone;
  filters: Filters;
}

export const fallbackRange = '1h';

type Words = Record<string, string | undefined>;

const oneOf = <T extends string>(all: readonly T[], word: string | undefined): T | undefined => all.find((w) => w === word);

/** Reads the address; words that mean nothing are as if they were not there. */
export function viewOf(words: Words): View {
  const filters: Filters = {};
  for (const name of splits) {
    const value = words[name];
    if (value) filters[name] = value;
  }
  return {
    words: { range: words.range, from: words.from, to: words.to },
    interval: oneOf(['minute', 'hour', 'day'], words.interval),
    by: oneOf(splits, words.by) ?? 'route',
    sort: oneOf(sorts, words.sort) ?? 'requests',
    compare: words.compare === 'yes',
    live: words.live !== 'no',
    zone: words.zone === 'utc' ? 'utc' : 'local',
    filters,
  };
}

/** The words of one change, for the address; what is the default leaves it. */
export function wordsOf(change: Partial<Omit<View, 'words'>>): Words {
  const out: Words = {};
  if ('interval' in change) out.interval = change.interval;
  if ('by' in change) out.by = change.by === 'route' ? undefined : change.by;
  if ('sort' in change) out.sort = change.sort === 'requests' ? undefined : change.sort;
  if ('compare' in change) out.compare = change.compare ? 'yes' : undefined;
  if ('live' in change) out.live = change.live ? undefined : 'no';
  if ('zone' in change) out.zone = change.zone === 'utc' ? 'utc' : undefined;
  if (change.filters) for (const name of splits) out[name] = change.filters[name];
  return out;
}

const day = 86_400_000;

const span = (range: Range, now: number) => (range.to ? Date.parse(range.to) : now) - Date.parse(range.from);

/** Whether the API answers with points of this width: at most 1,500, and minutes are kept for 14 days. */
export function fits(interval: Interval, range: Range, compare: boolean, now: number = Date.now()): boolean {
  const long = span(range, now);
  if (long / widths[interval] > 1_490) return false;
  if (interval !== 'minute') return true;
  return Date.parse(range.from) - (compare ? long : 0) > now - 14 * day + 120_000;
}

/** The width of the view's points: the one chosen where the API has it. */
export function intervalIn(view: View, range: Range, now: number = Date.now()): Interval {
  const chosen = view.interval ?? intervalOf(range, now);
  if (fits(chosen, range, view.compare, now)) return chosen;
  return (['minute', 'hour', 'day'] as const).find((i) => widths[i] > widths[chosen] && fits(i, range, view.compare, now)) ?? 'day';
}

const exact = (status: string | undefined) => status !== undefined && /^\d{3}$/.test(status);

/**
 * Why a split can't be asked for together with the filters, or undefined. Exact
 * statuses, targets and error codes are each counted apart, by route; the API
 * refuses what is not counted, and this says so before.
 */
export function conflict(by: Split, filters: Filters): string | undefined {
  const apart: string[] = [];
  if (by === 'status' || exact(filters.status)) apart.push('status codes');
  if (by === 'target' || filters.target) apart.push('targets');
  if (by === 'code' || filters.code) apart.push('error codes');
  const people = by === 'consumer' || by === 'key' || filters.consumer || filters.key;
  if (apart.length > 1) return `${apart.join(' and ')} are counted apart`;
  if (apart.length === 1 && people) return `${apart[0]} are not counted by consumer or key`;
  if (apart.length === 1 && by === 'route') return `${apart[0]} are not split by route`;
  if ((by === 'code' || filters.code) && filters.status) return 'an error code has its own status';
  return undefined;
}

/** The filters after a group was picked; those that it can't be counted with give way. */
export function narrow(filters: Filters, by: Split, value: string): Filters {
  const next: Filters = { ...filters, [by]: value };
  for (const name of ['code', 'target', 'status', 'key', 'consumer'] as const) {
    if (name !== by && conflict(by === 'route' ? firstSplit(next) : by, next)) delete next[name];
  }
  return next;
}

/** A split that goes with the filters, the one wanted if it does. */
export function firstSplit(filters: Filters, wanted: Split = 'route'): Split {
  return [wanted, ...splits].find((s) => !conflict(s, filters)) ?? wanted;
}

/** Where a picked group leads: the split that says more about it. */
export function deeper(by: Split, filters: Filters): Split {
  const next: Record<Split, Split> = { route: 'status', consumer: 'key', key: 'route', status: 'status', target: 'target', code: 'code' };
  return firstSplit(filters, next[by]);
}

/** The question that the view asks, without groups. */
export function questionOf(view: View, range: Range, now?: number): UsageQuery {
  return { ...range, interval: intervalIn(view, range, now), ...view.filters, ...(view.compare ? { compare: true } : {}) };
}

/** How often a view that ends now is read again; undefined where it stands still. */
export function refreshMs(view: View, interval: Interval): number | undefined {
  if (!view.live || view.words.to) return undefined;
  return interval === 'day' ? 15_000 : 2_000;
}

/** The range of the view as it is now. */
export const rangeIn = (view: View, now?: number): Range => rangeOf(view.words, fallbackRange, now);

/** A name for the file of an export: `analytics-shop-by-route.csv`. */
export const fileName = (gateway: string, by?: Split): string => `analytics-${gateway}${by ? `-by-${by}` : ''}.csv`;
