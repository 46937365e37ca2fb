import { useGatewayName } from '@/shell/useGateway';
import { PageHeader } from '@/ui';
import { StreamEditor } from './StreamEditor';

export default function NewStreamPage() {
  return (
    <>
      <PageHeader title="New stream" description="Where clients connect, which upstream takes them, and who may." />
      <StreamEditor gateway={useGatewayName()} />
    </>
  );
}
