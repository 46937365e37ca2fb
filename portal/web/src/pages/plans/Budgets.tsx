import { Group, Progress, SimpleGrid, Stack, Text } from '@mantine/core';
import type { Schemas } from '@/api/client';
import { Time } from '@/ui';
import { count } from '@/ui/format';

type Budget = Schemas['Budget'];

const titles: Record<Budget['name'], string> = { rate: 'Rate', quota: 'Quota', concurrency: 'Concurrency' };

/** What a limit allows: "10,000 a month", "20 at once". */
export function allowance(b: Budget): string {
  return b.name === 'concurrency' ? `${count(b.limit)} at once` : `${count(b.limit)} a ${b.window ?? 'second'}`;
}

/** What is left of each limit of a key or a consumer. */
export function Budgets({ budgets }: { budgets: readonly Budget[] }) {
  if (budgets.length === 0) return <Text c="dimmed">No limits: only those of routes, the gateway and your subscription hold.</Text>;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
      {budgets.map((b) => (
        <One key={`${b.name}${b.from}`} budget={b} />
      ))}
    </SimpleGrid>
  );
}

function One({ budget: b }: { budget: Budget }) {
  const used = b.used ?? (b.remaining === undefined ? undefined : b.limit - b.remaining);
  const share = used === undefined ? undefined : Math.min(100, (100 * used) / Math.max(1, b.limit));
  const colour = share !== undefined && share >= 100 ? 'var(--tg-bad)' : share !== undefined && share >= 80 ? 'var(--tg-warn)' : undefined;
  return (
    <Stack gap={6} className="tg-panel" p="md">
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={550}>
          {titles[b.name]}
        </Text>
        <Text size="xs" c="dimmed">
          {b.from === 'key' ? 'of this key' : 'of the usage plan'}
        </Text>
      </Group>
      {b.remaining !== undefined ? (
        <Text fz="xl" fw={600} lh={1.2} className="tg-figures">
          {count(b.remaining)}{' '}
          <Text span size="sm" fw={400} c="dimmed">
            left of {allowance(b)}
          </Text>
        </Text>
      ) : (
        <Text fz="xl" fw={600} lh={1.2} className="tg-figures">
          {allowance(b)}
        </Text>
      )}
      {share !== undefined ? <Progress value={share} size="sm" color={colour} aria-label={`${titles[b.name]} used`} /> : null}
      <Text size="xs" c="dimmed">
        <Note budget={b} />
      </Text>
    </Stack>
  );
}

function Note({ budget: b }: { budget: Budget }) {
  if (b.source === 'unknown') return <>What is left is not known here: edges count it themselves.</>;
  return (
    <>
      {b.resets_at ? (
        <>
          Full again <Time at={b.resets_at} />
        </>
      ) : b.burst ? (
        `Bursts of ${count(b.burst)}`
      ) : (
        'At this moment'
      )}
      {b.source === 'ledger' ? ' · from recorded usage, which may lag' : ''}
    </>
  );
}
