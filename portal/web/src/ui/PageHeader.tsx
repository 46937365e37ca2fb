import { Anchor, Group, Text, Title } from '@mantine/core';
import { useEffect, type ReactNode } from 'react';

export interface PageHeaderProps {
  title: string;
  /** One sentence about what is here, for who sees it for the first time. */
  description?: ReactNode;
  /** Page of the documentation, such as `/docs/keys`. */
  docs?: string;
  /** The page's actions; the first is the primary one. */
  actions?: ReactNode;
  /** What stands beside the title, such as a state badge. */
  badge?: ReactNode;
}

/** The head of every page: its one h1, its name in the browser's tab, its actions. */
export function PageHeader({ title, description, docs, actions, badge }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · Tollgate`;
  }, [title]);
  return (
    <Group justify="space-between" align="flex-start" gap="md" mb="lg" wrap="wrap">
      <div style={{ flex: '1 1 18rem', minWidth: 0 }}>
        <Group gap="sm" align="center">
          <Title order={1} style={{ overflowWrap: 'anywhere' }}>
            {title}
          </Title>
          {badge}
        </Group>
        {description ? (
          <Text c="dimmed" mt={4} maw="44rem">
            {description}{' '}
            {docs ? (
              <Anchor href={docs} underline="always" inherit>
                Read more
              </Anchor>
            ) : null}
          </Text>
        ) : null}
      </div>
      {actions ? <Group gap="xs">{actions}</Group> : null}
    </Group>
  );
}
