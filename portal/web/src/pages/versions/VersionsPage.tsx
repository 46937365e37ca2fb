import { PageHeader } from '@/ui';

export default function VersionsPage() {
  return <PageHeader title="Versions" description="Every change of the configuration, newest first." />;
}
