import { useGatewayName } from '@/shell/useGateway';
import { ErrorState, FormSkeleton, PageHeader, useSearchParams } from '@/ui';
import { useMemo } from 'react';
import { RouteEditor } from './RouteEditor';
import { useEditing } from './useEditing';

export default function NewRoutePage() {
  const gateway = useGatewayName();
  const editing = useEditing(gateway);
  const [{ upstream }] = useSearchParams();
  const start = useMemo(() => ({ name: '', match: { path: '' }, ...(upstream ? { upstream } : {}) }), [upstream]);
  return (
    <>
      <PageHeader title="New route" description="Which requests, under which policies, to which upstream." />
      {editing.data ? (
        <RouteEditor gateway={gateway} start={start} {...editing.data} />
      ) : editing.error ? (
        <ErrorState error={editing.error} retry={() => void editing.refetch()} />
      ) : (
        <FormSkeleton />
      )}
    </>
  );
}
