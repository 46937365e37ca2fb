import { PageHeader } from '@/ui';

export default function VerifyPage() {
  return <PageHeader title="Confirm your address" />;
}
