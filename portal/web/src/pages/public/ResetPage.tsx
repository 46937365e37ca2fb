import { Button, PasswordInput, Stack } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '@/api/client';
import { forgetUser } from '@/api/session';
import { ProblemNote, useApiForm } from '@/ui';
import { AuthCard } from './AuthCard';
import { BadLink } from './BadLink';
import { useLinkToken } from './useLinkToken';

export default function ResetPage() {
  const token = useLinkToken();
  const [done, setDone] = useState(false);
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { password: '' },
    save: async ({ password }) => {
      await api.POST('/v1/password/reset', { body: { token: token ?? '', password } });
      forgetUser();
      setDone(true);
    },
  });
  if (!token) return <BadLink title="Set a new password" />;
  if (done) {
    return (
      <AuthCard title="Your new password is set" text={<span role="status">All your sessions have ended. Sign in with the new password.</span>}>
        <Button mt="lg" fullWidth renderRoot={(props) => <Link to="/login" {...props} />}>
          Sign in
        </Button>
      </AuthCard>
    );
  }
  const used = problem?.at('/token') !== undefined;
  return (
    <AuthCard title="Set a new password" text="All your sessions end when it is set.">
      <form onSubmit={submit} noValidate>
        <Stack mt="lg">
          <PasswordInput
            label="New password"
            description="At least 10 characters. A sentence is easier to remember than a riddle."
            autoComplete="new-password"
            {...form.getInputProps('password')}
          />
          {used ? (
            <span role="alert">
              The link was used already, or is too old. <Link to="/forgot">Ask for a new one</Link>.
            </span>
          ) : (
            <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          )}
          <Button type="submit" loading={busy} fullWidth>
            Set the password
          </Button>
        </Stack>
      </form>
    </AuthCard>
  );
}
