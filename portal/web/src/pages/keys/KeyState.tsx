import { Group } from '@mantine/core';
import type { Schemas } from '@/api/client';
import { StateDot, type DotState } from '@/ui';

type State = Schemas['Key']['state'];

const words: Record<State, { dot: DotState; text: string }> = {
  active: { dot: 'good', text: 'Active' },
  pending: { dot: 'busy', text: 'Not yet valid' },
  expired: { dot: 'warn', text: 'Expired' },
  revoked: { dot: 'bad', text: 'Revoked' },
  deleted: { dot: 'idle', text: 'Deleted' },
};

/** What the filter of a list offers. */
export const keyStates = (Object.keys(words) as State[]).map((value) => ({ value, label: words[value].text }));

/** The state of a key in a word and a dot. */
export function KeyState({ state }: { state: State }) {
  return (
    <Group gap={6} wrap="nowrap" component="span">
      <StateDot state={words[state].dot} />
      <span>{words[state].text}</span>
    </Group>
  );
}
