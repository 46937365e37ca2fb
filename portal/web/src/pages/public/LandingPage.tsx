import { PageHeader } from '@/ui';

export default function LandingPage() {
  return <PageHeader title="Tollgate" description="A managed API gateway and load balancer." />;
}
