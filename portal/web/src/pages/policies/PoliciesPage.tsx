import { PageHeader } from '@/ui';

export default function PoliciesPage() {
  return <PageHeader title="Policies" description="Policies on the whole gateway hold for every route." />;
}
