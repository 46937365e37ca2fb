import { PageHeader } from '@/ui';

export default function SignupPage() {
  return <PageHeader title="Sign up" />;
}
