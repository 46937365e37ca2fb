import { PageHeader } from '@/ui';

export default function SecretsPage() {
  return <PageHeader title="Secrets" description="Values that policies and upstreams refer to by name; they are never shown again." />;
}
