import { PageHeader } from '@/ui';

export default function KeysPage() {
  return <PageHeader title="API keys" description="A key lets its consumer call the gateway." />;
}
