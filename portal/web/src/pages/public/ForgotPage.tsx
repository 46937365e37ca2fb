import { Anchor, Button, Stack, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '@/api/client';
import { ProblemNote, useApiForm } from '@/ui';
import { AuthCard } from './AuthCard';

const back = (
  <Anchor renderRoot={(props) => <Link to="/login" {...props} />}>Back to signing in</Anchor>
);

export default function ForgotPage() {
  const [sentTo, setSentTo] = useState<string>();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { email: '' },
    save: async (body) => {
      await api.POST('/v1/password/forgot', { body });
      setSentTo(body.email);
    },
  });
  if (sentTo) {
    return (
      <AuthCard
        title="Look into your mail"
        text={
          <span role="status">
            If <strong>{sentTo}</strong> has an account, a link to set a new password is on its way. It works once, for 30 minutes.
          </span>
        }
        below={back}
      />
    );
  }
  return (
    <AuthCard title="Forgot your password" text="We send a link with which you can set a new one." below={back}>
      <form onSubmit={submit} noValidate>
        <Stack mt="lg">
          <TextInput label="E-mail address" type="email" autoComplete="email" required withAsterisk={false} {...form.getInputProps('email')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <Button type="submit" loading={busy} fullWidth>
            Send the link
          </Button>
        </Stack>
      </form>
    </AuthCard>
  );
}
