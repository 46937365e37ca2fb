import { Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { done, ProblemNote, useApiForm } from '@/ui';

export interface SecretModalProps {
  gateway: string;
  opened: boolean;
  onClose: () => void;
  /** Set anew; without it a new one is made. */
  secret?: Schemas['Secret'];
  onSaved?: (name: string) => void;
}

/** Sets a secret's value. It is written only: nobody can read it again. */
export function SecretModal({ opened, onClose, secret, ...rest }: SecretModalProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={secret ? `Set a new value of ${secret.name}` : 'New secret'}>
      {opened ? <SecretForm secret={secret} onClose={onClose} {...rest} /> : null}
    </Modal>
  );
}

function SecretForm({ gateway, onClose, secret, onSaved }: Omit<SecretModalProps, 'opened'>) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: secret?.name ?? '', value: '' },
    validate: { name: (name) => (name === '' ? 'A secret needs a name.' : null) },
    save: async ({ name, value }) => {
      await api.PUT('/v1/gateways/{gateway}/secrets/{name}', {
        params: { path: { gateway, name }, header: { 'If-Match': secret ? etagOf(secret) : undefined } },
        body: { value },
      });
      await refresh('/v1/gateways/{gateway}/secrets');
      done(secret ? `${name} has a new value.` : `The secret ${name} is stored.`);
      onClose();
      onSaved?.(name);
    },
  });
  return (
    <form
      noValidate
      onSubmit={(event) => {
        // The dialog may stand inside another form of the page.
        event.stopPropagation();
        submit(event);
      }}
    >
      <Stack gap="md">
        {secret ? null : (
          <TextInput label="Name" description="Policies refer to it by this name." spellCheck={false} autoComplete="off" data-autofocus {...form.getInputProps('name')} />
        )}
        <PasswordInput label="Value" autoComplete="off" data-autofocus={secret ? true : undefined} {...form.getInputProps('value')} />
        <Text size="sm" c="dimmed">
          The value is stored encrypted and never shown again. Edges get it with the next version.
        </Text>
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Store the secret
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
