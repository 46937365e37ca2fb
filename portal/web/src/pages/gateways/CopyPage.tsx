import { PageHeader } from '@/ui';

export default function CopyPage() {
  return <PageHeader title="Copy to another gateway" description="Carry this configuration over, for example from staging to production." />;
}
