import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ErrorState } from './ErrorState';
import { PageHeader } from './PageHeader';
import { PanelSkeleton } from './Skeletons';

export interface LoadedProps<T> {
  query: Pick<UseQueryResult<T, unknown>, 'data' | 'error' | 'refetch'>;
  /** The page's title until what is read brings one; left out where the page has its own head. */
  title?: string;
  /** Shaped like what comes; default a few lines in a panel. */
  skeleton?: ReactNode;
  children: (data: NonNullable<T>) => ReactNode;
}

/** The three states of what is read: a skeleton, the error with another try, the data. */
export function Loaded<T>({ query, title, skeleton, children }: LoadedProps<T>) {
  if (query.data !== undefined && query.data !== null) return <>{children(query.data)}</>;
  return (
    <>
      {title ? <PageHeader title={title} /> : null}
      {query.error ? <ErrorState error={query.error} retry={() => void query.refetch()} /> : (skeleton ?? <PanelSkeleton />)}
    </>
  );
}
