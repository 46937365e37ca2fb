import { Alert, Button, Code, Group, Stack, Text } from '@mantine/core';
import { IconCheck, IconCopy, IconKey } from '@tabler/icons-react';
import { useState } from 'react';
import { copy } from './clipboard';

export interface CopyOnceProps {
  /** What it is: "API key", "management token". */
  what: string;
  /** The secret; undefined where the answer was a replay that no longer has it. */
  secret: string | undefined;
  /** What to do when it got lost. */
  lost?: string;
  /** How it is kept, as the beginning of a sentence; default: as a hash. */
  kept?: string;
}

/** A secret that is shown this once, ready to be copied. */
export function CopyOnce({ what, secret, lost, kept = 'It is kept as a hash only' }: CopyOnceProps) {
  const [copied, setCopied] = useState(false);
  if (!secret) {
    return (
      <Alert color="amber" variant="light" title={`The ${what} was made, but can’t be shown again`}>
        {lost ?? 'Make a new one and delete this one.'}
      </Alert>
    );
  }
  return (
    <Stack gap="xs" className="tg-panel" p="md">
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <IconKey size={18} aria-hidden style={{ flex: 'none', marginTop: 3 }} />
        <Text>
          <strong>Copy this {what} now.</strong> {kept}, so nobody can show it again.
        </Text>
      </Group>
      <Code block className="tg-mono" data-testid="secret" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }} tabIndex={0}>
        {secret}
      </Code>
      <Group>
        <Button
          leftSection={copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
          onClick={() => void copy(secret).then(setCopied)}
        >
          {copied ? 'Copied' : `Copy the ${what}`}
        </Button>
      </Group>
    </Stack>
  );
}
