export type DotState = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

const colours: Record<DotState, string> = {
  good: 'var(--tg-good)',
  busy: 'var(--mantine-primary-color-filled)',
  warn: 'var(--tg-warn)',
  bad: 'var(--tg-bad)',
  idle: 'var(--mantine-color-dimmed)',
};

/** A dot in a state's colour; words beside it always say the same. */
export function StateDot({ state }: { state: DotState }) {
  return (
    <span
      aria-hidden
      style={{
        display: 'inline-block',
        width: 9,
        height: 9,
        borderRadius: '50%',
        background: state === 'idle' ? 'transparent' : colours[state],
        border: `2px solid ${colours[state]}`,
      }}
    />
  );
}
