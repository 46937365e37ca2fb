import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { ProblemNote } from '@/ui/ProblemNote';
import { done } from '@/ui/notify';
import { useApiForm } from '@/ui/useApiForm';
import { Card } from '../Card';
import { api, here } from '../client';
import { To, useGo } from '../links';
import { entered, useInfo } from '../session';

export default function SignupPage() {
  const info = useInfo().data;
  const go = useGo();
  const [mailed, setMailed] = useState<string>();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '', email: '', password: '' },
    save: async (body) => {
      const { data } = await api.POST('/v1/developer/{label}/signup', { params: here, body });
      if (data?.confirm) return setMailed(body.email);
      const { data: developer } = await api.POST('/v1/developer/{label}/login', { params: here, body: { email: body.email, password: body.password } });
      if (developer) entered(developer);
      done('Welcome. Choose a plan, then make your first key.');
      go('/keys');
    },
  });
  if (mailed) return <Mailed email={mailed} />;
  return (
    <Card
      title="Sign up"
      text="An account gives you keys, and shows your usage and why a request was refused."
      below={
        <>
          You have an account? <To page="/login" underline="always">Sign in</To>
        </>
      }
    >
      <form onSubmit={submit} noValidate>
        <Stack>
          <TextInput label="Name" description="You or your company; the API’s owner sees it" autoComplete="organization" {...form.getInputProps('name')} />
          <TextInput label="E-mail address" type="email" autoComplete="username" {...form.getInputProps('email')} />
          <PasswordInput label="Password" description={info ? `At least ${info.password_min} characters` : undefined} autoComplete="new-password" {...form.getInputProps('password')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <Button type="submit" loading={busy}>
            Sign up
          </Button>
        </Stack>
      </form>
    </Card>
  );
}

function Mailed({ email }: { email: string }) {
  const again = async () => {
    await api.POST('/v1/developer/{label}/resend', { params: here, body: { email } });
    done('If the address waits to be confirmed, a new mail is on its way.');
  };
  return (
    <Card title="Look into your mail" text={`We sent a link to ${email}. Open it to confirm that the address is yours.`}>
      <Stack>
        <Button variant="default" onClick={() => void again()}>
          Send it again
        </Button>
        <To page="/login" underline="always">
          To the sign-in
        </To>
      </Stack>
    </Card>
  );
}
