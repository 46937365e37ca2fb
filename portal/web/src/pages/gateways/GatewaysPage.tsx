import { PageHeader } from '@/ui';

export default function GatewaysPage() {
  return <PageHeader title="Gateways" description="A gateway is one API front: a host name with routes, upstreams and consumers." />;
}
