import { Button, Group, List, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useEffect, useId, useState, type ReactNode } from 'react';
import { asProblem, type Problem } from '@/api/problem';
import { ProblemNote } from './ProblemNote';

export interface ConfirmDangerProps {
  opened: boolean;
  onClose: () => void;
  /** A question: "Delete the gateway production?" */
  title: string;
  /** What happens, each consequence in a sentence. */
  consequences: ReactNode[];
  /** Asked to be typed; left out for what can be undone by doing it again. */
  name?: string;
  /** The button: the same verb as the title's. */
  action: string;
  /** The button that does nothing; default "Cancel". */
  back?: string;
  onConfirm: () => Promise<unknown>;
}

/** Asks before something that can't be undone: what follows, and the name typed. */
export function ConfirmDanger({ opened, onClose, title, consequences, name, action, back = 'Cancel', onConfirm }: ConfirmDangerProps) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const field = useId();
  useEffect(() => {
    if (opened) {
      setTyped('');
      setProblem(undefined);
    }
  }, [opened]);
  const ready = name === undefined || typed === name;
  const confirm = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal opened={opened} onClose={onClose} title={title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) void confirm();
        }}
      >
        <Stack gap="md">
          <List spacing={4}>
            {consequences.map((text, i) => (
              <List.Item key={i}>{text}</List.Item>
            ))}
          </List>
          {name !== undefined ? (
            <TextInput
              id={field}
              label={
                <>
                  Type <span className="tg-mono">{name}</span> to confirm
                </>
              }
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              autoComplete="off"
              spellCheck={false}
              data-autofocus
            />
          ) : null}
          <ProblemNote problem={problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose} disabled={busy}>
              {back}
            </Button>
            <Button type="submit" color="red.8" disabled={!ready} loading={busy}>
              {action}
            </Button>
          </Group>
          {name !== undefined && !ready && typed !== '' && !name.startsWith(typed) ? (
            <Text size="sm" c="dimmed" role="status">
              That is not the name yet.
            </Text>
          ) : null}
        </Stack>
      </form>
    </Modal>
  );
}
