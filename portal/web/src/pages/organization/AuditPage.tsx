import { PageHeader } from '@/ui';

export default function AuditPage() {
  return <PageHeader title="Audit log" description="Who changed what, when, and from where." />;
}
