import { Group, Text } from '@mantine/core';
import { StateDot, type DotState } from './StateDot';
import { Time } from './Time';

export interface DeliveryStateProps {
  label: string;
  dot: DotState;
  attempts: number;
  /** What the receiver answered last. */
  status?: number;
  /** What went wrong last, as sentences. */
  error?: string;
  nextAt?: string;
}

/** How far a message has come on its way to a receiver. */
export function DeliveryState({ label, dot, attempts, status, error, nextAt }: DeliveryStateProps) {
  return (
    <div>
      <Group gap={7} wrap="nowrap">
        <StateDot state={dot} />
        <span>
          {label}
          {attempts > 0 ? `, ${attempts} ${attempts === 1 ? 'try' : 'tries'}` : ''}
          {status ? `, answered ${status}` : ''}
        </span>
      </Group>
      {error ? (
        <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {error}
          {nextAt ? (
            <>
              {' '}
              Again <Time at={nextAt} />
            </>
          ) : null}
        </Text>
      ) : null}
    </div>
  );
}
