import { PageHeader } from '@/ui';

export default function AlertsPage() {
  return <PageHeader title="Alerts" description="Mails and webhooks when something needs a look." />;
}
