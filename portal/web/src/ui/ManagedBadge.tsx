import { Badge, Tooltip } from '@mantine/core';

/** Who keeps something as it is written elsewhere, in Git say; nothing where nobody does. */
export function ManagedBadge({ by }: { by: string | undefined }) {
  if (!by) return null;
  return (
    <Tooltip label={`${by} keeps it as it is written there: what is changed here is put back by its next apply.`} multiline w={280} events={{ hover: true, focus: true, touch: true }}>
      <Badge variant="light" color="gray" tt="none" tabIndex={0} maw="16rem">
        Managed by {by}
      </Badge>
    </Tooltip>
  );
}
