import { Box, Group, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

export interface PanelProps {
  title: string;
  text?: ReactNode;
  /** Beside the title. */
  actions?: ReactNode;
  children: ReactNode;
}

/** One matter of a page that shows several, under its own heading. */
export function Panel({ title, text, actions, children }: PanelProps) {
  return (
    <Box component="section" mb="xl">
      <Group justify="space-between" align="flex-end" gap="xs" mb="sm">
        <div>
          <Title order={2}>{title}</Title>
          {text ? (
            <Text c="dimmed" size="sm" maw="44rem">
              {text}
            </Text>
          ) : null}
        </div>
        {actions}
      </Group>
      {children}
    </Box>
  );
}
