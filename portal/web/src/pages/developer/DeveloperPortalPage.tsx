import { PageHeader } from '@/ui';

export default function DeveloperPortalPage() {
  return <PageHeader title="Developer portal" description="A portal of your own for the consumers of this gateway." />;
}
