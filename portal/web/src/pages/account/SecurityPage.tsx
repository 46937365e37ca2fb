import { PageHeader } from '@/ui';

export default function SecurityPage() {
  return <PageHeader title="Sign-in and security" description="Password, second factor and linked accounts." />;
}
