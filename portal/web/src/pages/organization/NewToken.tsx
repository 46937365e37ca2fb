import { Button, Checkbox, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { grants } from '@/api/grants';
import { refresh } from '@/api/queries';
import { useMembership } from '@/api/session';
import { CopyOnce, ProblemNote, useApiForm } from '@/ui';
import { ExpiryField } from '../keys/ExpiryField';
import { GrantFields } from './GrantFields';
import { chosenScopes, type Kind, needsScopes } from './scopes';

/** Makes a management token in a dialog, and shows it once. */
export function NewToken({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [made, setMade] = useState<Schemas['NewToken']>();
  const [saved, setSaved] = useState(false);
  const close = () => {
    setMade(undefined);
    setSaved(false);
    onClose();
  };
  return (
    <Modal opened={opened} onClose={close} title={made ? made.name : 'New management token'} size="lg" closeOnEscape={!made} closeOnClickOutside={false} withCloseButton={!made}>
      {made ? (
        <Stack>
          <CopyOnce what="management token" secret={made.token} />
          <Text size="sm">
            The command line and Terraform read it from <span className="tg-mono">TOLLGATE_API_TOKEN</span>.
          </Text>
          {made.token ? <Checkbox label="I saved it" checked={saved} onChange={(event) => setSaved(event.currentTarget.checked)} /> : null}
          <Group justify="flex-end">
            <Button onClick={close} disabled={made.token !== undefined && !saved}>
              Done
            </Button>
          </Group>
        </Stack>
      ) : opened ? (
        <Form onMade={setMade} onClose={close} />
      ) : null}
    </Modal>
  );
}

function Form({ onMade, onClose }: { onMade: (token: Schemas['NewToken']) => void; onClose: () => void }) {
  const role = useMembership()?.role ?? 'viewer';
  const held = grants[role];
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '', expires_at: '', kind: 'read' as Kind, scopes: [] as string[] },
    validate: { scopes: needsScopes },
    save: async ({ name, expires_at: expires, kind, scopes }) => {
      const { data } = await api.POST('/v1/tokens', { body: { name, scopes: chosenScopes(kind, scopes, held), expires_at: expires || undefined } });
      if (data) onMade(data);
      await refresh('/v1/tokens');
    },
  });
  const { kind } = form.getValues();
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput label="Name" description="Where it will be used, such as “deployment”" autoComplete="off" withAsterisk data-autofocus {...form.getInputProps('name')} />
        <ExpiryField {...form.getInputProps('expires_at')} />
        <GrantFields held={held} kind={kind} kindProps={form.getInputProps('kind')} scopesProps={form.getInputProps('scopes')} />
        <Text size="sm" c="dimmed">
          A token never can do more than you: it is cut down when your role changes, and ends when you leave.
        </Text>
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Make the token
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
