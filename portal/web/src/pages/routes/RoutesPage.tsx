import { PageHeader } from '@/ui';

export default function RoutesPage() {
  return <PageHeader title="Routes" description="A route decides by method, host and path what happens to a request." />;
}
