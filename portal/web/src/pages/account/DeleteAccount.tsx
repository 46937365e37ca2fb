import { Button, Group, List, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { api } from '@/api/client';
import { forgetUser, type Me } from '@/api/session';
import { ProblemNote, useApiForm } from '@/ui';
import { noProof, proofOf, ProofFields } from './ProofFields';
import { Section } from './Section';

/** Deletes the account for good, after its address was typed and the user proved. */
export function DeleteAccount({ me }: { me: Me }) {
  const [opened, dialog] = useDisclosure(false);
  return (
    <Section title="Delete the account" text="For good: nobody can bring it back.">
      <Button variant="default" c="var(--tg-bad)" onClick={dialog.open}>
        Delete the account
      </Button>
      <Modal opened={opened} onClose={dialog.close} title="Delete your account?">
        {opened ? <Confirm me={me} onClose={dialog.close} /> : null}
      </Modal>
    </Section>
  );
}

function Confirm({ me, onClose }: { me: Me; onClose: () => void }) {
  const navigate = useNavigate();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { typed: '', ...noProof },
    save: async (values) => {
      await api.POST('/v1/account/delete', { body: proofOf(values) });
      await navigate({ to: '/' });
      forgetUser();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <List spacing={4}>
          <List.Item>All your sessions and management tokens end at once.</List.Item>
          <List.Item>Gateways stay with their organizations.</List.Item>
          <List.Item>You can’t be the last owner of an organization: hand it on, or delete it first.</List.Item>
        </List>
        <TextInput
          label={
            <>
              Type <span className="tg-mono">{me.user.email}</span> to confirm
            </>
          }
          autoComplete="off"
          data-autofocus
          {...form.getInputProps('typed')}
        />
        <ProofFields form={form} />
        {problem && problem.status === 409 ? <Text role="alert">{problem.detail}</Text> : null}
        <ProblemNote problem={problem?.status === 409 || (problem?.errors && rest.length === 0) ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" color="red.8" loading={busy} disabled={form.getValues().typed !== me.user.email}>
            Delete the account
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
