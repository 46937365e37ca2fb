import type { paths } from '@/api/schema';
import { rangeOf, type Range } from '@/ui/range';

export type LogQuery = NonNullable<paths['/v1/gateways/{gateway}/logs']['get']['parameters']['query']>;

/** What can narrow a log, in the words of the API and of the address. */
export const filterNames = ['q', 'status', 'outcome', 'method', 'route', 'consumer', 'key', 'code', 'path', 'client', 'target', 'request_id'] as const;
export type FilterName = (typeof filterNames)[number];

type Words = Record<string, string | undefined>;

export const statusPattern = /^[1-5]([0-9]{2}|xx)$/;
const outcomes = ['refused', 'failed', 'ok'] as const;

/** The filters that the address names; words that mean nothing are left out. */
export function filtersOf(words: Words): Partial<LogQuery> {
  const query: Words = {};
  for (const name of filterNames) if (words[name]) query[name] = words[name];
  if (query.status && !statusPattern.test(query.status)) delete query.status;
  if (query.outcome && !outcomes.some((o) => o === query.outcome)) delete query.outcome;
  return query as Partial<LogQuery>;
}

export const fallbackRange = '24h';

/** The span of time that the address means. */
export const spanOf = (words: Words, now?: number): Range => rangeOf({ range: words.range, from: words.from, to: words.to }, fallbackRange, now);
