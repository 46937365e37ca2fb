import { PageHeader } from '@/ui';

export default function ResetPage() {
  return <PageHeader title="Set a new password" />;
}
