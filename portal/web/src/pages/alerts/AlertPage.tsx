import { PageHeader } from '@/ui';

export default function AlertPage() {
  return <PageHeader title="Alert" description="What is watched and whom it tells." />;
}
