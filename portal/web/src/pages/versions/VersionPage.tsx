import { PageHeader } from '@/ui';

export default function VersionPage() {
  return <PageHeader title="Version" description="What changed, and the whole configuration." />;
}
