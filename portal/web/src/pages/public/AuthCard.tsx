import { Paper, Text, Title } from '@mantine/core';
import { useEffect, type ReactNode } from 'react';

export interface AuthCardProps {
  title: string;
  /** One sentence below the title. */
  text?: ReactNode;
  children?: ReactNode;
  /** Other ways, below the card. */
  below?: ReactNode;
}

/** The one card of a page before signing in. */
export function AuthCard({ title, text, children, below }: AuthCardProps) {
  useEffect(() => {
    document.title = `${title} · Tollgate`;
  }, [title]);
  return (
    <>
      <Paper p="xl" radius="lg" bg="var(--tg-panel)" style={{ borderColor: 'var(--tg-line)' }}>
        <Title order={1} size="h2" fz="1.375rem">
          {title}
        </Title>
        {text ? (
          <Text c="dimmed" mt={6} component="div">
            {text}
          </Text>
        ) : null}
        {children}
      </Paper>
      {below ? (
        <Text c="dimmed" size="sm" ta="center" mt="md" component="div">
          {below}
        </Text>
      ) : null}
    </>
  );
}
