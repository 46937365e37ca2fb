import { PageHeader } from '@/ui';

export default function ForgotPage() {
  return <PageHeader title="Forgot your password" />;
}
