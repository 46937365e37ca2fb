import { PageHeader } from '@/ui';

export default function KeyPage() {
  return <PageHeader title="API key" description="One key, what it may do and what it did." />;
}
