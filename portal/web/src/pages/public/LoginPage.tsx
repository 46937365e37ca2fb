import { Alert, Anchor, Box, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { Link, useRouter, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { ProblemNote, useApiForm } from '@/ui';
import { AuthCard } from './AuthCard';
import { entered } from './entered';
import { safeNext } from './next';
import { Providers } from './Providers';
import { SecondFactor } from './SecondFactor';

interface LoginSearch {
  next?: string;
  return_to?: string;
  step?: string;
  error?: string;
  provider?: string;
}

// What a person can mend after a provider sent the browser back.
const errors: Record<string, (provider: string) => string> = {
  denied: (p) => `${p} did not sign you in, because it was refused there.`,
  unverified_email: (p) => `${p} does not say that your address is yours. Confirm it there, then try again.`,
  account_exists: (p) => `Your address has an account here already. Sign in with its password, and ${p} is linked to it from then on.`,
  provider_unavailable: (p) => `${p} can’t be reached at the moment.`,
};

export default function LoginPage() {
  const search = useSearch({ strict: false }) as LoginSearch;
  const router = useRouter();
  const [second, setSecond] = useState(search.step === 'second');
  const next = safeNext(search.next ?? search.return_to);
  const enter = async (me: Schemas['Me']) => {
    entered(me);
    await router.history.push(next);
  };
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { email: '', password: '' },
    save: async (body) => {
      const { data } = await api.POST('/v1/login', { body });
      if (data && 'second_factor' in data) setSecond(true);
      else if (data) await enter(data);
    },
  });
  if (second) return <SecondFactor onEntered={enter} onBack={() => setSecond(false)} />;
  const mishap = search.error ? errors[search.error] : undefined;
  return (
    <AuthCard
      title="Sign in"
      below={
        <>
          No account yet?{' '}
          <Anchor inherit underline="always" renderRoot={(props) => <Link to="/signup" search={search.next ? { next: search.next } : {}} {...props} />}>
            Sign up
          </Anchor>
        </>
      }
    >
      <Box mt="lg">
        {mishap ? (
          <Alert color="amber" mb="md" role="alert">
            {mishap(search.provider ?? 'The provider')}
          </Alert>
        ) : null}
        <Providers returnTo={next} verb="Sign in with" />
        <form onSubmit={submit} noValidate>
          <Stack>
            <TextInput label="E-mail address" type="email" autoComplete="username" {...form.getInputProps('email')} />
            <PasswordInput label="Password" autoComplete="current-password" {...form.getInputProps('password')} />
            <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
            <Button type="submit" loading={busy} fullWidth>
              Sign in
            </Button>
            <Anchor size="sm" ta="center" underline="always" renderRoot={(props) => <Link to="/forgot" {...props} />}>
              Forgot your password?
            </Anchor>
          </Stack>
        </form>
      </Box>
    </AuthCard>
  );
}
