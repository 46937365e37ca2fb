import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { api } from '@/api/client';
import type { Role } from '@/api/grants';
import { refresh } from '@/api/queries';
import { useMembership } from '@/api/session';
import { done, ProblemNote, useApiForm } from '@/ui';
import { roleWords } from './permissions';
import { RoleSelect } from './RoleSelect';

/** Invites somebody by mail. */
export function InviteForm({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Invite somebody">
      {opened ? <Form onClose={onClose} /> : null}
    </Modal>
  );
}

function Form({ onClose }: { onClose: () => void }) {
  const own = useMembership()?.role;
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { email: '', role: 'developer' as Role },
    save: async (body) => {
      await api.POST('/v1/invitations', { body });
      await refresh('/v1/invitations');
      done(`${body.email} gets a mail with a link that is good for 7 days.`);
      onClose();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput label="E-mail address" type="email" autoComplete="off" withAsterisk data-autofocus {...form.getInputProps('email')} />
        <RoleSelect label="Role" description={roleWords[form.getValues().role].text} onlyBelowOwner={own !== 'owner'} {...form.getInputProps('role')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Send the invitation
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
