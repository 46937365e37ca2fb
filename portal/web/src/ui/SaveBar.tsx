import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import type { Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { PanelSkeleton } from './Skeletons';
import { ProblemNote } from './ProblemNote';

const DiffView = lazy(() => import('./diff/DiffView').then((m) => ({ default: m.DiffView })));

export interface SaveBarProps {
  /** "Save the route" */
  action: string;
  dirty: boolean;
  /** It does not exist yet. */
  fresh?: boolean;
  /** How many things are wrong at the moment. */
  wrong: number;
  /** The check of the newest draft is still under way. */
  checking: boolean;
  /** What saving changes; undefined while that is not known. */
  changes: Schemas['Difference'][] | undefined;
  /** Called before the changes are shown: the draft's mistakes may be shown from now on. */
  onTry: () => void;
  onSave: () => Promise<unknown>;
  onReset?: () => void;
}

/** Stays at the lower edge while something is changed: what is wrong, the changes, and the button that saves after they were seen. */
export function SaveBar({ action, dirty, fresh, wrong, checking, changes, onTry, onSave, onReset }: SaveBarProps) {
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const save = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      await onSave();
      setShown(false);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const words = !dirty
    ? fresh
      ? 'Nothing is filled in yet.'
      : 'Nothing is changed.'
    : wrong > 0
      ? `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} not right yet.`
      : checking
        ? 'Checking …'
        : 'Not saved yet. Everything is valid.';
  return (
    <Group
      justify="space-between"
      gap="sm"
      py="sm"
      mt="xl"
      style={{ position: 'sticky', bottom: 0, background: 'var(--mantine-color-body)', borderTop: '1px solid var(--tg-line)', zIndex: 5 }}
    >
      <Text size="sm" role="status" c={wrong > 0 && dirty ? 'var(--mantine-color-error)' : 'dimmed'}>
        {words}
      </Text>
      <Group gap="xs">
        {onReset && dirty ? (
          <Button variant="default" onClick={onReset}>
            Undo the changes
          </Button>
        ) : null}
        <Button
          disabled={!dirty}
          onClick={() => {
            onTry();
            setProblem(undefined);
            if (wrong === 0) setShown(true);
          }}
        >
          {action}
        </Button>
      </Group>
      <Modal opened={shown} onClose={() => setShown(false)} title="What changes" size="xl">
        <Stack>
          {wrong > 0 ? (
            <Text role="alert">{words} Go back: it stands beside the fields.</Text>
          ) : changes && !checking ? (
            <Suspense fallback={<PanelSkeleton />}>
              <DiffView changes={changes} />
            </Suspense>
          ) : (
            <PanelSkeleton />
          )}
          <ProblemNote problem={problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={() => setShown(false)} disabled={busy}>
              Back
            </Button>
            <Button loading={busy} disabled={!changes || checking} onClick={() => void save()} data-autofocus>
              {action}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Group>
  );
}
