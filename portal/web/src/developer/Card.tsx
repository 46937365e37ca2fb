import { Box, Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Head } from './states';

/** The one narrow card of a page about signing in. */
export function Card({ title, text, children, below }: { title: string; text?: ReactNode; children?: ReactNode; below?: ReactNode }) {
  return (
    <Box maw="28rem" mx="auto">
      <Head title={title}>{text}</Head>
      {children ? (
        <Paper p="lg" bg="var(--tg-panel)">
          {children}
        </Paper>
      ) : null}
      {below ? (
        <Text size="sm" c="dimmed" mt="md" component="div">
          {below}
        </Text>
      ) : null}
    </Box>
  );
}
