import { useQuery } from '@tanstack/react-query';
import { Problem } from '@/api/problem';
import { queryClient } from '@/api/queries';
import { $api, api, here, meKey, type Developer } from './client';

/** What the owner published; the frame has read it before any page shows. */
export const useInfo = () => $api.useQuery('get', '/v1/developer/{label}', { params: here }, { staleTime: 60_000 });

async function read(): Promise<Developer | null> {
  try {
    return (await api.GET('/v1/developer/{label}/me', { params: here })).data ?? null;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

/** The signed-in developer, or null. A failure is not read again by each part that asks: the frame would begin anew. */
export const useDeveloper = () => useQuery({ queryKey: meKey, queryFn: read, staleTime: 15_000, retryOnMount: false });

/** Notes who is signed in now and drops what another was shown. */
export function entered(developer: Developer): void {
  forget();
  queryClient.setQueryData(meKey, developer);
}

/** Takes over what a change answered. */
export const changed = (developer: Developer | undefined): void => {
  if (developer) queryClient.setQueryData(meKey, developer);
};

/** Forgets who was signed in, with all that was theirs. */
export function forget(): void {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[1] !== '/v1/developer/{label}' && queryKey[1] !== 'me' });
  queryClient.setQueryData(meKey, null);
}
