import { PageHeader } from '@/ui';

export default function GuidePage() {
  return <PageHeader title="First steps" description="From nothing to an answered request." />;
}
