import { PageHeader } from '@/ui';

export default function ConsumersPage() {
  return <PageHeader title="Consumers" description="A consumer is somebody who calls the gateway." />;
}
