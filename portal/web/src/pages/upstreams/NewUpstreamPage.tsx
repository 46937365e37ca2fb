import { PageHeader } from '@/ui';

export default function NewUpstreamPage() {
  return <PageHeader title="New upstream" description="A named pool of backends." />;
}
