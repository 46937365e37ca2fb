import { Anchor, Card, Group, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { IconShieldCheck } from '@tabler/icons-react';
import { $api } from '@/api/client';
import { EmptyState, Loaded } from '@/ui';
import { count } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { Console } from './Console';
import { numberWords, signalWords } from './words';

export default function AbusePage() {
  const query = $api.useQuery('get', '/v1/operator/abuse', undefined, { refetchInterval: 30_000 });
  return (
    <Console title="Abuse" description="Organizations that stand out, with the numbers that made them so. Nothing is decided here: look, and decide.">
      <Loaded query={query}>
        {(list) =>
          list.items.length === 0 ? (
            <EmptyState title="Nothing stands out" icon={<IconShieldCheck size={32} />}>
              Traffic without a confirmed address, floods of refused requests, unusual spend, many new keys and heavy newcomers would stand here.
            </EmptyState>
          ) : (
            (Object.keys(signalWords) as (keyof typeof signalWords)[])
              .filter((kind) => list.items.some((s) => s.kind === kind))
              .map((kind) => (
                <Panel key={kind} title={signalWords[kind].title} text={signalWords[kind].text}>
                  <Stack gap="xs">
                    {list.items
                      .filter((s) => s.kind === kind)
                      .map((s) => (
                        <Card key={s.organization} withBorder padding="sm">
                          <Group justify="space-between">
                            <Group gap="xs">
                              <Anchor component={Link} to={`/operator/organizations/${s.organization}`} underline="always" fw={550}>
                                {s.name}
                              </Anchor>
                              <Text size="sm" c="dimmed">
                                {s.plan}
                                {s.suspended ? ', suspended' : ''}
                              </Text>
                            </Group>
                            <Text size="sm">
                              {s.numbers
                                .filter((n) => numberWords[n.name])
                                .map((n) => `${count(n.value)} ${numberWords[n.name]}`)
                                .join(' · ')}
                            </Text>
                          </Group>
                        </Card>
                      ))}
                  </Stack>
                </Panel>
              ))
          )
        }
      </Loaded>
    </Console>
  );
}
