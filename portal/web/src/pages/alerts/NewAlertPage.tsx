import { PageHeader } from '@/ui';

export default function NewAlertPage() {
  return <PageHeader title="New alert" description="What to watch and whom to tell." />;
}
