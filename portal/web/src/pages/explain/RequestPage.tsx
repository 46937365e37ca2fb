import { PageHeader } from '@/ui';

export default function RequestPage() {
  return <PageHeader title="Request" description="One request and why it was answered so." />;
}
