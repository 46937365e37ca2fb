import { PageHeader } from '@/ui';

export default function OverviewPage() {
  return <PageHeader title="Overview" description="How the gateway does at the moment." />;
}
