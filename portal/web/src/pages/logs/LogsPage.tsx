import { PageHeader } from '@/ui';

export default function LogsPage() {
  return <PageHeader title="Logs" description="Each request, as the edges saw it." />;
}
