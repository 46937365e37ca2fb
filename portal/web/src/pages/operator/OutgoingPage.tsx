import { IconSend } from '@tabler/icons-react';
import { EmptyState } from '@/ui';
import { Console } from './Console';
import { Outgoing, useOutgoing } from './Outgoing';

export default function OutgoingPage() {
  const rows = useOutgoing();
  return (
    <Console title="To Stripe" description="Credits and late lines that Stripe does not have yet, and what else failed there. Each is tried again by itself, at growing intervals.">
      <Outgoing
        rows={rows}
        ofAll
        empty={
          <EmptyState title="Nothing waits for Stripe" icon={<IconSend size={32} />}>
            A credit that can’t be given, a line that can’t be added, usage that is refused: each stands here with its last error until it comes through.
          </EmptyState>
        }
      />
    </Console>
  );
}
