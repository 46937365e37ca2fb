import { PageHeader } from '@/ui';

export default function UpstreamsPage() {
  return <PageHeader title="Upstreams" description="An upstream is a named pool of backends." />;
}
