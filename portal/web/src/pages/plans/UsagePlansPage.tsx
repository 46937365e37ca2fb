import { PageHeader } from '@/ui';

export default function UsagePlansPage() {
  return <PageHeader title="Usage plans" description="A usage plan says what a consumer may do." />;
}
