import { Box, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

export interface EmptyStateProps {
  title: string;
  /** What belongs here and what it is good for, in a sentence or two. */
  children: ReactNode;
  /** The one action that fills the page. */
  action?: ReactNode;
  icon?: ReactNode;
}

/** What stands where nothing is yet: it says what would be here and how to begin. */
export function EmptyState({ title, children, action, icon }: EmptyStateProps) {
  return (
    <Stack align="center" gap="xs" py={48} px="md" className="tg-panel" ta="center">
      {icon ? (
        <Box c="dimmed" aria-hidden>
          {icon}
        </Box>
      ) : null}
      <Title order={2} size="h3">
        {title}
      </Title>
      <Text c="dimmed" maw="34rem">
        {children}
      </Text>
      {action ? <Box mt="sm">{action}</Box> : null}
    </Stack>
  );
}
