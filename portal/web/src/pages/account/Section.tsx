import { Paper, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

export interface SectionProps {
  title: string;
  text?: ReactNode;
  children: ReactNode;
}

/** One matter of a settings page, in a panel of its own. */
export function Section({ title, text, children }: SectionProps) {
  return (
    <Paper p="lg" mb="lg" maw="46rem" component="section" bg="var(--tg-panel)" style={{ borderColor: 'var(--tg-line)' }}>
      <Title order={2}>{title}</Title>
      {text ? (
        <Text c="dimmed" mt={4} mb="md">
          {text}
        </Text>
      ) : null}
      {children}
    </Paper>
  );
}
