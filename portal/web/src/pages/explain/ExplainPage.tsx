import { PageHeader } from '@/ui';

export default function ExplainPage() {
  return <PageHeader title="Explain" description="What would happen to a request, decided by a live edge." />;
}
