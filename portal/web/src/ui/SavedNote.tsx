import { Alert, Group, Text } from '@mantine/core';
import { LiveBadge } from './LiveBadge';

/** After a save: which version it made, and where that is live by now. */
export function SavedNote({ gateway, version, onClose }: { gateway: string; version: number; onClose: () => void }) {
  return (
    <Alert variant="light" color="green" withCloseButton closeButtonLabel="Close" onClose={onClose} role="status">
      <Group gap="sm">
        <Text size="sm">Saved.</Text>
        <LiveBadge gateway={gateway} version={version} />
      </Group>
    </Alert>
  );
}
