import { PageHeader } from '@/ui';

export default function NewRoutePage() {
  return <PageHeader title="New route" description="Match, policies, and where the request goes." />;
}
