import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

type Params = Record<string, string | undefined>;

/**
 * The page's search parameters as plain words, and a way to change some of them.
 * Filters live in the address, so that a view can be sent on. Empty words leave it.
 */
export function useSearchParams(): [Params, (change: Params) => void] {
  const search = useSearch({ strict: false }) as Params;
  const navigate = useNavigate();
  const change = useCallback(
    (next: Params) => {
      void navigate({
        to: '.',
        search: (before: Params) =>
          Object.fromEntries(Object.entries({ ...before, ...next }).filter(([, v]) => v !== undefined && v !== '')),
        replace: true,
        resetScroll: false,
      });
    },
    [navigate],
  );
  return [search, change];
}
