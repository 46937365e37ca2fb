import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useRouter, useSearch } from '@tanstack/react-router';
import { done } from '@/ui/notify';
import { ProblemNote } from '@/ui/ProblemNote';
import { useApiForm } from '@/ui/useApiForm';
import { Card } from '../Card';
import { api, here } from '../client';
import { base } from '../label';
import { To } from '../links';
import { entered } from '../session';
import { safeNext } from '../words';

export default function LoginPage() {
  const { next } = useSearch({ strict: false }) as { next?: string };
  const { history } = useRouter();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { email: '', password: '' },
    save: async (body) => {
      const { data } = await api.POST('/v1/developer/{label}/login', { params: here, body });
      if (!data) return;
      entered(data);
      history.push(safeNext(next ?? `${base}/keys`, base));
    },
  });
  const unverified = problem?.status === 403;
  const again = async () => {
    await api.POST('/v1/developer/{label}/resend', { params: here, body: { email: form.getValues().email } });
    done('If the address waits to be confirmed, a new mail is on its way.');
  };
  return (
    <Card
      title="Sign in"
      below={
        <>
          No account yet? <To page="/signup" underline="always">Sign up</To>
        </>
      }
    >
      <form onSubmit={submit} noValidate>
        <Stack>
          <TextInput label="E-mail address" type="email" autoComplete="username" {...form.getInputProps('email')} />
          <PasswordInput label="Password" autoComplete="current-password" {...form.getInputProps('password')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          {unverified ? (
            <Button variant="default" onClick={() => void again()}>
              Send the mail to confirm again
            </Button>
          ) : null}
          <Button type="submit" loading={busy}>
            Sign in
          </Button>
          <To page="/forgot" underline="always" size="sm" ta="center">
            Forgot your password?
          </To>
        </Stack>
      </form>
    </Card>
  );
}
