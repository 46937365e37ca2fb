import { PageHeader } from '@/ui';

export default function WelcomePage() {
  return <PageHeader title="Welcome" description="Name your organization to begin." />;
}
