import { useGatewayName } from '@/shell/useGateway';
import { PageHeader } from '@/ui';
import { UpstreamEditor } from './UpstreamEditor';

export default function NewUpstreamPage() {
  return (
    <>
      <PageHeader title="New upstream" description="Targets that share requests, how the edges watch them, and how patient they are." />
      <UpstreamEditor gateway={useGatewayName()} />
    </>
  );
}
