import { Button, Group, Paper, Text, Title } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { asProblem } from '@/api/problem';
import { CopyText } from './CopyText';

export interface ErrorStateProps {
  error: unknown;
  retry?: () => void;
  /** Further ways out. */
  actions?: ReactNode;
}

/** What stands where something could not be read: why, the request's id, and another try. */
export function ErrorState({ error, retry, actions }: ErrorStateProps) {
  const problem = asProblem(error);
  return (
    <Paper p="lg" role="alert" style={{ borderLeft: '4px solid var(--tg-bad)', background: 'var(--tg-panel)' }}>
      <Title order={2} size="h3">
        {problem.title}
      </Title>
      {problem.detail ? <Text mt={4}>{problem.detail}</Text> : null}
      {problem.request_id ? (
        <Text size="sm" c="dimmed" mt="xs">
          Request <CopyText text={problem.request_id} label="request id" />
        </Text>
      ) : null}
      {retry || actions ? (
        <Group mt="md" gap="xs">
          {retry ? (
            <Button variant="default" leftSection={<IconRefresh size={16} aria-hidden />} onClick={retry}>
              Try again
            </Button>
          ) : null}
          {actions}
        </Group>
      ) : null}
    </Paper>
  );
}
