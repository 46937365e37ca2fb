import { Anchor, Button, Group, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import type { FormEvent } from 'react';
import type { FieldError, Problem } from '@/api/problem';
import { ProblemNote } from '@/ui';
import { EventChoice } from './EventChoice';
import type { WebhookForm } from './form';

export interface WebhookEditorProps {
  form: UseFormReturnType<WebhookForm>;
  problem: Problem | undefined;
  rest: readonly FieldError[];
  busy: boolean;
  submit: (event?: FormEvent<HTMLFormElement>) => void;
  action: string;
  /** It is there already: the name stays. */
  named?: boolean;
  /** Reads only: who may not change it. */
  disabled?: boolean;
}

/** The fields of a webhook. */
export function WebhookEditor({ form, problem, rest, busy, submit, action, named = false, disabled = false }: WebhookEditorProps) {
  return (
    <form onSubmit={submit} noValidate>
      <fieldset disabled={disabled} style={{ border: 0, padding: 0, margin: 0, minWidth: 0, maxWidth: '44rem' }}>
        <Stack gap="lg">
          <TextInput label="Name" description={named ? 'Names stay as they are' : 'Letters, digits, dots, underscores and hyphens'} readOnly={named} spellCheck={false} autoComplete="off" {...form.getInputProps('name')} />
          <TextInput label="URL" type="url" description="Where messages are sent by POST: https and public" placeholder="https://hooks.example.com/tollgate" spellCheck={false} {...form.getInputProps('url')} />
          <EventChoice form={form} />
          <Textarea label="Description" description="What it is for" autosize minRows={2} {...form.getInputProps('description')} />
          <Switch label="Switched on" description="While it is off it is told nothing, and what waits is not sent" {...form.getInputProps('enabled', { type: 'checkbox' })} />
          <ProblemNote problem={rest.length > 0 || !problem?.errors ? problem : undefined} rest={rest} />
          {disabled ? (
            <Text size="sm" c="dimmed">
              Your role may look at webhooks, not change them.
            </Text>
          ) : (
            <Group>
              <Button type="submit" loading={busy}>
                {action}
              </Button>
              <Text size="sm" c="dimmed">
                Messages are signed: see <Anchor href="/docs/webhooks#verify-it" underline="always">how to verify them</Anchor>.
              </Text>
            </Group>
          )}
        </Stack>
      </fieldset>
    </form>
  );
}
