import { Button, Group, List, Modal, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { useEffect, type ReactNode } from 'react';
import { ProblemNote, useApiForm } from '@/ui';
import { centsOf } from './words';

export interface Reasoned {
  reason: string;
  message: string;
  plan: string;
  /** In cents. */
  amount: number;
}

export interface AskReasonProps {
  opened: boolean;
  onClose: () => void;
  /** A question: "Suspend shop?" */
  title: string;
  consequences: ReactNode[];
  /** The button: the same verb as the title's. */
  action: string;
  danger?: boolean;
  /** Asked to be typed. */
  name?: string;
  /** Whether the owners can be told more than the reason. */
  message?: boolean;
  /** Plans to choose from, and the one that is there. */
  plans?: { value: string; label: string }[];
  plan?: string;
  /** The currency of an amount that is asked for; without it none is. */
  amount?: string;
  /** Who reads the reason. */
  readers: string;
  save: (values: Reasoned) => Promise<unknown>;
}

/** Asks for the reason of what an operator does, and what else belongs to it. */
export function AskReason({ opened, onClose, title, consequences, action, danger, name, message, plans, plan, amount, readers, save }: AskReasonProps) {
  const { form, problem, rest, busy, submit, setProblem } = useApiForm({
    initialValues: { reason: '', message: '', plan: plan ?? '', typed: '', cents: '' },
    rename: { '/cents': 'cents' },
    validate: {
      cents: (v) => (amount && centsOf(v) === undefined ? 'Write an amount such as 12.50, or -5 to take a credit back.' : null),
      reason: (v) => (v.trim() === '' ? 'Say why.' : null),
      typed: (v) => (name !== undefined && v !== name ? 'This is not the name.' : null),
    },
    save: async ({ reason, message: text, plan: chosen, cents }) => {
      await save({ reason, message: text, plan: chosen, amount: centsOf(cents) ?? 0 });
      onClose();
    },
  });
  const { reset, setValues } = form;
  useEffect(() => {
    if (!opened) return;
    reset();
    setValues({ reason: '', message: '', plan: plan ?? '', typed: '', cents: '' });
    setProblem(undefined);
    // Only when it opens: what was typed stays while it is open.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [opened]);
  return (
    <Modal opened={opened} onClose={onClose} title={title}>
      <form onSubmit={submit} noValidate>
        <Stack gap="md">
          <List spacing={4}>
            {consequences.map((text, i) => (
              <List.Item key={i}>{text}</List.Item>
            ))}
          </List>
          {plans ? <Select label="Plan" data={plans} allowDeselect={false} key={form.key('plan')} {...form.getInputProps('plan')} /> : null}
          {amount ? <TextInput label={`Amount in ${amount.toUpperCase()}`} inputMode="decimal" autoComplete="off" key={form.key('cents')} {...form.getInputProps('cents')} /> : null}
          <Textarea label="Reason" description={readers} autosize minRows={2} maxLength={500} required data-autofocus key={form.key('reason')} {...form.getInputProps('reason')} />
          {message ? (
            <Textarea
              label="Message to the owners"
              description="In the mail and in their portal: what they can do."
              autosize
              minRows={3}
              maxLength={2000}
              key={form.key('message')}
              {...form.getInputProps('message')}
            />
          ) : null}
          {name !== undefined ? (
            <TextInput
              label={
                <>
                  Type <span className="tg-mono">{name}</span> to confirm
                </>
              }
              autoComplete="off"
              spellCheck={false}
              key={form.key('typed')}
              {...form.getInputProps('typed')}
            />
          ) : null}
          <ProblemNote problem={problem} rest={rest} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose} disabled={busy}>
              Cancel
            </Button>
            <Button type="submit" color={danger ? 'red.8' : undefined} loading={busy}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
