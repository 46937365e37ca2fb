import { PageHeader } from '@/ui';

export default function SettingsPage() {
  return <PageHeader title="Settings" description="What holds for the whole organization." />;
}
