import { PageHeader } from '@/ui';

export default function ConsumerPage() {
  return <PageHeader title="Consumer" description="Somebody who calls the gateway, with its keys." />;
}
