import { Button, Checkbox, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { Schemas } from '@/api/client';
import { CopyOnce, CopyText, Time } from '@/ui';
import { useGateway } from '@/shell/useGateway';

/** The new key, once: the dialog closes when its reader says that it is kept. */
export function SavedKey({ made, onClose }: { made: Schemas['NewKey']; onClose: () => void }) {
  const url = useGateway()?.url;
  const [saved, setSaved] = useState(made.key === undefined);
  return (
    <Stack>
      <CopyOnce what="API key" secret={made.key} lost="Rotate it to get another one." />
      {made.key && url ? (
        <Text size="sm">
          Try it: <CopyText text={`curl -H 'X-API-Key: ${made.key}' ${url}/`} label="command" />
        </Text>
      ) : null}
      {made.replaces ? (
        <Text size="sm">
          The old key goes on working and ends <Time at={made.replaces.expires_at} />.
        </Text>
      ) : null}
      {made.key ? <Checkbox label="I saved it" checked={saved} onChange={(event) => setSaved(event.currentTarget.checked)} /> : null}
      <Group justify="flex-end">
        <Button disabled={!saved} onClick={onClose}>
          Done
        </Button>
      </Group>
    </Stack>
  );
}
