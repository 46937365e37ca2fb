import { keepPreviousData, QueryClient, replaceEqualDeep } from '@tanstack/react-query';
import { copyEtag } from './client';
import { Problem } from './problem';

/** Again only what may pass by itself: no answer, or a portal that is overloaded. */
function again(failures: number, error: unknown): boolean {
  return failures < 2 && error instanceof Problem && (error.status === 0 || error.status >= 502);
}

/** The cache of everything that was read. Objects keep their identity and their ETag while their content stays. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 5 * 60_000,
      retry: again,
      refetchOnWindowFocus: true,
      structuralSharing: (before, after) => copyEtag(after, replaceEqualDeep(before, after)),
    },
    mutations: { retry: false },
  },
});

/** For lists that are searched or paged: the former rows stay until the new are there. */
export const steady = { placeholderData: keepPreviousData } as const;

type Key = readonly unknown[];

/**
 * Drops every kept answer whose path begins so, so that what is shown is read
 * again: `refresh('/v1/gateways/{gateway}/routes')`. Without a path, everything.
 */
export function refresh(...paths: string[]): Promise<void> {
  return queryClient.invalidateQueries({
    predicate: ({ queryKey }: { queryKey: Key }) =>
      paths.length === 0 || paths.some((path) => typeof queryKey[1] === 'string' && queryKey[1].startsWith(path)),
  });
}
