import { Group } from '@mantine/core';
import { StateDot, type DotState } from '@/ui';
import { stateOf, stateWords } from './words';

const dots: Record<keyof typeof stateWords, DotState> = { active: 'good', suspended: 'bad', unverified: 'warn', deleted: 'idle' };

/** How an organization stands: a dot and its word. */
export function State({ of }: { of: Parameters<typeof stateOf>[0] }) {
  const state = stateOf(of);
  return (
    <Group gap={6} wrap="nowrap" component="span" display="inline-flex">
      <StateDot state={dots[state]} />
      {stateWords[state]}
    </Group>
  );
}
