import { PageHeader } from '@/ui';

export default function SubscriptionPage() {
  return <PageHeader title="Subscription" description="What the organization buys, and its current period." />;
}
