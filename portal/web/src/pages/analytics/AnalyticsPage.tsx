import { PageHeader } from '@/ui';

export default function AnalyticsPage() {
  return <PageHeader title="Analytics" description="Requests, errors, latency and bytes over time." />;
}
