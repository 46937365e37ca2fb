import { PageHeader } from '@/ui';

export default function NewGatewayPage() {
  return <PageHeader title="New gateway" description="A gateway is one API front with a host name of its own." />;
}
