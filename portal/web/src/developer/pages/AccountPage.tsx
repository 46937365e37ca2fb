import { Button, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { done } from '@/ui/notify';
import { ProblemNote } from '@/ui/ProblemNote';
import { useApiForm } from '@/ui/useApiForm';
import { api, here, type Developer } from '../client';
import { useGo } from '../links';
import { forget, useInfo } from '../session';
import { Head, SignedIn } from '../states';

export default function AccountPage() {
  return <SignedIn title="Account">{(developer) => <Own developer={developer} />}</SignedIn>;
}

function Own({ developer }: { developer: Developer }) {
  return (
    <>
      <Head title="Account">
        {developer.name}, {developer.email}
      </Head>
      <Stack gap="lg" maw="32rem">
        <Password />
        <Delete />
      </Stack>
    </>
  );
}

function Password() {
  const info = useInfo().data;
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { current_password: '', password: '' },
    save: async (body) => {
      await api.PUT('/v1/developer/{label}/password', { params: here, body });
      form.reset();
      done('The password is changed.');
    },
  });
  return (
    <Paper p="lg" bg="var(--tg-panel)">
      <Title order={2} mb="sm">
        Password
      </Title>
      <form onSubmit={submit} noValidate>
        <Stack>
          <PasswordInput label="Present password" autoComplete="current-password" {...form.getInputProps('current_password')} />
          <PasswordInput label="New password" description={info ? `At least ${info.password_min} characters` : undefined} autoComplete="new-password" {...form.getInputProps('password')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <div>
            <Button type="submit" loading={busy}>
              Change the password
            </Button>
          </div>
        </Stack>
      </form>
    </Paper>
  );
}

function Delete() {
  const go = useGo();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { password: '' },
    save: async (body) => {
      await api.POST('/v1/developer/{label}/me/delete', { params: here, body });
      forget();
      done('Your account is deleted.');
      go('/');
    },
  });
  return (
    <Paper p="lg" bg="var(--tg-panel)">
      <Title order={2}>Delete the account</Title>
      <Text c="dimmed" mt={4} mb="sm">
        Your keys stop working within seconds, and your account is gone. It can’t be taken back.
      </Text>
      <form onSubmit={submit} noValidate>
        <Stack>
          <PasswordInput label="Password" autoComplete="current-password" {...form.getInputProps('password')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <div>
            <Button type="submit" color="red.8" loading={busy}>
              Delete the account
            </Button>
          </div>
        </Stack>
      </form>
    </Paper>
  );
}
