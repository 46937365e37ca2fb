import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { asProblem, type Problem } from '@/api/problem';

/** One page of any list of the API. */
export interface ListPage<T> {
  items: T[];
  next_cursor?: string;
  total?: number;
}

/** The rows that a DataTable shows, and how it gets more. */
export interface Rows<T> {
  items: T[];
  total?: number;
  /** The first page is not there yet. */
  loading: boolean;
  fetching: boolean;
  more: boolean;
  loadMore: () => void;
  error: Problem | undefined;
  retry: () => void;
  /** Filters besides the search narrow the list: an empty one means "nothing matches". */
  filtered: boolean;
}

export interface RowsInput<T> {
  /**
   * Names the list in the cache: the method, the API's path, and everything that
   * narrows or orders it. `refresh(path)` reads it again.
   */
  key: readonly ['get', string, ...unknown[]];
  /** Reads one page. The cursor is undefined for the first. */
  read: (cursor: string | undefined, signal: AbortSignal) => Promise<ListPage<T>>;
  filtered?: boolean;
  /** Read again by itself so often, in ms. */
  refetchInterval?: number;
}

/** Whether a list has nothing at all, though nothing narrows it: then its empty state shows. */
export const isBare = <T>(rows: Rows<T>, search?: string): boolean =>
  !rows.loading && !rows.error && rows.items.length === 0 && !search && !rows.filtered;

/** Rows of a list of the API, page by page. */
export function useRows<T>({ key, read, filtered = false, refetchInterval }: RowsInput<T>): Rows<T> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: ListPage<T>) => page.next_cursor || undefined,
    placeholderData: keepPreviousData,
    refetchInterval,
  });
  const { data, fetchNextPage, refetch, isFetchNextPageError } = query;
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  const loadMore = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const retry = useCallback(
    () => void (isFetchNextPageError ? fetchNextPage() : refetch()),
    [isFetchNextPageError, fetchNextPage, refetch],
  );
  return {
    items,
    total: data?.pages[0]?.total,
    loading: query.isPending,
    fetching: query.isFetching,
    more: query.hasNextPage,
    loadMore,
    error: query.error ? asProblem(query.error) : undefined,
    retry,
    filtered,
  };
}
