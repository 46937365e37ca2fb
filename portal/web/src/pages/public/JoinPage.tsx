import { PageHeader } from '@/ui';

export default function JoinPage() {
  return <PageHeader title="Join an organization" />;
}
