import { Badge, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api } from '@/api/client';
import { queryClient } from '@/api/queries';
import { meQuery, useMe, type Me } from '@/api/session';
import { done, failed, FormSkeleton, PageHeader, ProblemNote, useApiForm } from '@/ui';
import { DeleteAccount } from './DeleteAccount';
import { noProof, proofOf, ProofFields } from './ProofFields';
import { Section } from './Section';

export default function ProfilePage() {
  const me = useMe();
  return (
    <>
      <PageHeader title="Profile" description="Who you are for the other members of your organizations." />
      {me ? (
        <>
          <Section title="Name">
            <NameForm me={me} />
          </Section>
          <Section title="E-mail address" text="You sign in with it, and mails go there.">
            <Address me={me} />
          </Section>
          <Section title="Your data" text="Everything that is kept of you, without secrets, as one JSON file.">
            <Button component="a" href="/v1/account/export" download variant="default">
              Download your data
            </Button>
          </Section>
          <DeleteAccount me={me} />
        </>
      ) : (
        <FormSkeleton fields={3} />
      )}
    </>
  );
}

function NameForm({ me }: { me: Me }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: me.user.name },
    save: async (body) => {
      const { data } = await api.PATCH('/v1/me', { body });
      queryClient.setQueryData(meQuery.queryKey, data);
      done('Your name is saved.');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack mt="sm">
        <TextInput label="Your name" description="Shown beside your address; may be empty" autoComplete="name" {...form.getInputProps('name')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group>
          <Button type="submit" loading={busy}>
            Save the name
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Address({ me }: { me: Me }) {
  const [changing, setChanging] = useState(false);
  const [sentTo, setSentTo] = useState<string>();
  const resend = () => api.POST('/v1/email/resend').then(() => done(`A mail to ${me.user.email} is on its way.`), failed);
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <Text fw={550}>{me.user.email}</Text>
        <Badge variant="light" tt="none" color={me.user.verified ? 'green' : 'amber'}>
          {me.user.verified ? 'Confirmed' : 'Not confirmed'}
        </Badge>
      </Group>
      {sentTo ? (
        <Text role="status">
          A link went to <strong>{sentTo}</strong>. The address changes when you open it and confirm, within 24 hours.
        </Text>
      ) : changing ? (
        <ChangeAddress
          onSent={(address) => {
            setSentTo(address);
            setChanging(false);
          }}
          onCancel={() => setChanging(false)}
        />
      ) : (
        <Group gap="xs">
          <Button variant="default" onClick={() => setChanging(true)}>
            Change the address
          </Button>
          {me.user.verified ? null : (
            <Button variant="default" onClick={() => void resend()}>
              Send the link again
            </Button>
          )}
        </Group>
      )}
    </Stack>
  );
}

function ChangeAddress({ onSent, onCancel }: { onSent: (address: string) => void; onCancel: () => void }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { email: '', ...noProof },
    save: async (values) => {
      await api.POST('/v1/email/change', { body: { email: values.email, ...proofOf(values) } });
      onSent(values.email);
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput label="New address" type="email" autoComplete="email" autoFocus {...form.getInputProps('email')} />
        <ProofFields form={form} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group gap="xs">
          <Button type="submit" loading={busy}>
            Send the link
          </Button>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
