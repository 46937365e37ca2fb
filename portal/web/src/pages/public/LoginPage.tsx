import { PageHeader } from '@/ui';

export default function LoginPage() {
  return <PageHeader title="Sign in" />;
}
