import { PageHeader } from '@/ui';

export default function CertificatesPage() {
  return <PageHeader title="Certificates" description="TLS certificates of your own hosts." />;
}
