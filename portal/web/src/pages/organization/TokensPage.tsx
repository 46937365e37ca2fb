import { PageHeader } from '@/ui';

export default function TokensPage() {
  return <PageHeader title="Management tokens" description="Tokens for scripts, the command line and Terraform." />;
}
