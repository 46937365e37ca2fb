import { PageHeader } from '@/ui';

export default function SessionsPage() {
  return <PageHeader title="Sessions" description="Where you are signed in." />;
}
