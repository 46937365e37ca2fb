import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ErrorState } from './ErrorState';
import { PanelSkeleton } from './Skeletons';

export interface LoadedProps<T> {
  query: Pick<UseQueryResult<T, unknown>, 'data' | 'error' | 'refetch'>;
  /** Shaped like what comes; default a few lines in a panel. */
  skeleton?: ReactNode;
  children: (data: NonNullable<T>) => ReactNode;
}

/** The three states of what is read: a skeleton, the error with another try, the data. */
export function Loaded<T>({ query, skeleton, children }: LoadedProps<T>) {
  if (query.data !== undefined && query.data !== null) return <>{children(query.data)}</>;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  return <>{skeleton ?? <PanelSkeleton />}</>;
}
