import { PageHeader } from '@/ui';

export default function MembersPage() {
  return <PageHeader title="Members" description="Who belongs to the organization, and in which role." />;
}
