import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { IconShieldLock } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { asProblem } from '@/api/problem';
import { $api } from '@/api/client';
import { EmptyState, ErrorState, PageHeader } from '@/ui';

/**
 * What every page of the console is in. Until the session has what the console asks
 * for, it says how to get it.
 */
export function Console({ title, description, actions, children }: { title: string; description: ReactNode; actions?: ReactNode; children: ReactNode }) {
  const door = $api.useQuery('get', '/v1/operator/audit', { params: { query: { limit: 1 } } }, { retry: false, staleTime: 60_000 });
  const problem = door.error ? asProblem(door.error) : undefined;
  return (
    <>
      <PageHeader title={title} description={description} actions={problem ? null : actions} />
      {problem?.code === 'factor_required' ? (
        <EmptyState
          title="A second factor is needed here"
          icon={<IconShieldLock size={32} />}
          action={
            <Button component={Link} to="/account/security">
              Sign-in and security
            </Button>
          }
        >
          {problem.detail}
        </EmptyState>
      ) : problem ? (
        <ErrorState error={problem} retry={() => void door.refetch()} />
      ) : (
        children
      )}
    </>
  );
}
