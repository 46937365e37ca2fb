import { Button, PasswordInput, Stack } from '@mantine/core';
import { done } from '@/ui/notify';
import { ProblemNote } from '@/ui/ProblemNote';
import { useApiForm } from '@/ui/useApiForm';
import { Card } from '../Card';
import { api, here } from '../client';
import { To, useGo } from '../links';
import { forget, useInfo } from '../session';
import { useToken } from '../useToken';

export default function ResetPage() {
  const token = useToken();
  const go = useGo();
  const info = useInfo().data;
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { password: '' },
    save: async ({ password }) => {
      await api.POST('/v1/developer/{label}/password/reset', { params: here, body: { token, password } });
      forget();
      done('The password is set. Sign in with it.');
      go('/login');
    },
  });
  if (!token) return <Card title="This link is not whole" text="Open it from the mail again, or have a new one sent." below={<To page="/forgot" underline="always">Have a new link sent</To>} />;
  return (
    <Card title="Set a new password">
      <form onSubmit={submit} noValidate>
        <Stack>
          <PasswordInput label="New password" description={info ? `At least ${info.password_min} characters` : undefined} autoComplete="new-password" {...form.getInputProps('password')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <Button type="submit" loading={busy}>
            Set the password
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
