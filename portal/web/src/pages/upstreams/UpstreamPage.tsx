import { PageHeader } from '@/ui';

export default function UpstreamPage() {
  return <PageHeader title="Upstream" description="A named pool of backends, and how each edge sees them." />;
}
