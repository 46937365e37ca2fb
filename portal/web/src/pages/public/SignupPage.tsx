import { Anchor, Box, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { Link, useRouter, useSearch } from '@tanstack/react-router';
import { api } from '@/api/client';
import { queryClient } from '@/api/queries';
import { meQuery } from '@/api/session';
import { ProblemNote, useApiForm } from '@/ui';
import { AuthCard } from './AuthCard';
import { entered } from './entered';
import { safeNext } from './next';
import { Providers } from './Providers';

export default function SignupPage() {
  const search = useSearch({ strict: false }) as { next?: string };
  const router = useRouter();
  const next = search.next ? safeNext(search.next) : '/guide';
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { organization: '', email: '', password: '' },
    save: async (body) => {
      await api.POST('/v1/signup', { body: { ...body, session: true } });
      queryClient.clear();
      entered(await queryClient.fetchQuery(meQuery));
      await router.history.push(next);
    },
  });
  const taken = problem?.code === 'email_taken';
  return (
    <AuthCard
      title="Sign up"
      text="Free to start; no card asked for."
      below={
        <>
          Have an account?{' '}
          <Anchor inherit underline="always" renderRoot={(props) => <Link to="/login" {...props} />}>
            Sign in
          </Anchor>
        </>
      }
    >
      <Box mt="lg">
        <Providers returnTo={next} verb="Sign up with" />
        <form onSubmit={submit} noValidate>
          <Stack>
            <TextInput
              label="Organization"
              description="Your company, team or project. You can invite others later."
              autoComplete="organization"
              {...form.getInputProps('organization')}
            />
            <TextInput
              label="E-mail address"
              type="email"
              autoComplete="email"
              {...form.getInputProps('email')}
              error={
                taken ? (
                  <>
                    This address has an account. <Link to="/login">Sign in</Link>
                  </>
                ) : (
                  form.errors.email
                )
              }
            />
            <PasswordInput
              label="Password"
              description="At least 10 characters. A sentence is easier to remember than a riddle."
              autoComplete="new-password"
              {...form.getInputProps('password')}
            />
            <ProblemNote problem={taken || (problem?.errors && rest.length === 0) ? undefined : problem} rest={rest} />
            <Button type="submit" loading={busy} fullWidth>
              Make the account
            </Button>
          </Stack>
        </form>
      </Box>
    </AuthCard>
  );
}
