import { Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { capital } from '@/ui/format';

export interface NoticeProps {
  tone: 'warn' | 'bad';
  title: string;
  /** A sentence of the API, without its capital and its full stop. */
  problem: string;
  children?: ReactNode;
}

/** What is wrong with a domain, and what to do about it. */
export function Notice({ tone, title, problem, children }: NoticeProps) {
  return (
    <Paper p="md" style={{ borderLeft: `4px solid var(--tg-${tone})`, background: 'var(--tg-panel)' }}>
      <Text fw={550} size="sm">
        {title}
      </Text>
      <Text size="sm" mt={2} style={{ overflowWrap: 'anywhere' }}>
        {capital(problem)}.
      </Text>
      {children}
    </Paper>
  );
}
