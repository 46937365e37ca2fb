import { PageHeader } from '@/ui';

export default function RoutePage() {
  return <PageHeader title="Route" description="Match, policies, and where the request goes." />;
}
