import { PageHeader } from '@/ui';

export default function UsagePlanPage() {
  return <PageHeader title="Usage plan" description="What a consumer may do." />;
}
