import { Anchor, Box, Button, PasswordInput, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { asProblem, Problem } from '@/api/problem';
import { queryClient } from '@/api/queries';
import { meQuery } from '@/api/session';
import { date } from '@/ui/format';
import { ErrorState, Loaded, ProblemNote, useApiForm } from '@/ui';
import { AuthCard } from './AuthCard';
import { BadLink } from './BadLink';
import { entered } from './entered';
import { useLinkToken } from './useLinkToken';

type Offer = Schemas['InvitationOffer'];

// The link alone changes nothing: what it offers is looked up, and only a button
// accepts it.
export default function JoinPage() {
  const token = useLinkToken();
  const offer = useQuery({
    queryKey: ['post', '/v1/invitations/lookup', token],
    enabled: token !== undefined,
    staleTime: Infinity,
    queryFn: async () => (await api.POST('/v1/invitations/lookup', { body: { invitation: token ?? '' } })).data,
  });
  // Whoever has a session may be the invited one already.
  const me = useQuery({
    queryKey: ['get', '/v1/me', 'join'],
    retry: false,
    queryFn: async () => {
      try {
        return (await api.GET('/v1/me')).data ?? null;
      } catch (error) {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }
    },
  });
  if (!token) return <BadLink title="Join an organization" />;
  if (offer.error instanceof Problem && (offer.error.status === 404 || offer.error.status === 422)) {
    return (
      <BadLink title="The invitation is not good any more" text="It was used, taken back, is too old, or a newer one was sent. Look for a newer mail, or ask who invited you to send it again." />
    );
  }
  if (offer.error) {
    return (
      <AuthCard title="Join an organization">
        <Box mt="lg">
          <ErrorState error={offer.error} retry={() => void offer.refetch()} />
        </Box>
      </AuthCard>
    );
  }
  return (
    <Loaded query={offer}>
      {(found) => {
        const signedIn = me.data?.user.email.toLowerCase() === found.email.toLowerCase();
        return (
          <AuthCard
            title={`Join ${found.organization}`}
            text={
              <>
                You are invited as <strong>{found.role}</strong>, by the address <strong>{found.email}</strong>. The invitation is good until{' '}
                {date(found.expires_at)}.
              </>
            }
          >
            {signedIn ? <Accept token={token} /> : found.has_account ? <SignInFirst offer={found} token={token} /> : <NewAccount offer={found} token={token} />}
          </AuthCard>
        );
      }}
    </Loaded>
  );
}

function Accept({ token }: { token: string }) {
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const accept = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      await api.POST('/v1/members', { body: { invitation: token } });
      queryClient.clear();
      entered(await queryClient.fetchQuery(meQuery));
      await navigate({ to: '/gateways' });
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Stack mt="lg">
      <ProblemNote problem={problem} />
      <Button fullWidth loading={busy} onClick={() => void accept()}>
        Join
      </Button>
    </Stack>
  );
}

function SignInFirst({ offer, token }: { offer: Offer; token: string }) {
  const back = `/join?token=${encodeURIComponent(token)}`;
  return (
    <Stack mt="lg">
      <Text>Sign in as {offer.email} to accept it.</Text>
      <Button fullWidth renderRoot={(props) => <Link to="/login" search={{ next: back }} {...props} />}>
        Sign in
      </Button>
    </Stack>
  );
}

function NewAccount({ offer, token }: { offer: Offer; token: string }) {
  const navigate = useNavigate();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { password: '' },
    save: async ({ password }) => {
      await api.POST('/v1/signup', { body: { email: offer.email, password, invitation: token, session: true } });
      queryClient.clear();
      entered(await queryClient.fetchQuery(meQuery));
      await navigate({ to: '/gateways' });
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack mt="lg">
        {/* For password managers: which account the password is for. */}
        <input type="email" autoComplete="username" value={offer.email} readOnly hidden />
        <PasswordInput
          label="Choose a password"
          description="At least 10 characters. A sentence is easier to remember than a riddle."
          autoComplete="new-password"
          {...form.getInputProps('password')}
        />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Button type="submit" loading={busy} fullWidth>
          Make the account and join
        </Button>
        <Anchor size="sm" ta="center" underline="always" renderRoot={(props) => <Link to="/" {...props} />}>
          What is Tollgate?
        </Anchor>
      </Stack>
    </form>
  );
}
