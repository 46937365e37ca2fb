import { Anchor, Button, Stack } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { refresh } from '@/api/queries';
import { ProblemNote } from '@/ui';
import { AuthCard } from './AuthCard';
import { BadLink } from './BadLink';
import { useLinkToken } from './useLinkToken';

// The link alone changes nothing: programs that look at mails follow links. Only
// the button uses it up.
export default function VerifyPage() {
  const token = useLinkToken();
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  if (!token) return <BadLink title="Confirm your address" />;
  if (done) {
    return (
      <AuthCard title="Your address is confirmed" text={<span role="status">Thank you. Everything is open to you now.</span>}>
        <Button mt="lg" fullWidth renderRoot={(props) => <Link to="/gateways" {...props} />}>
          Go on
        </Button>
      </AuthCard>
    );
  }
  const confirm = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      await api.POST('/v1/email/verify', { body: { token } });
      setDone(true);
      await refresh('/v1/me');
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <AuthCard
      title="Confirm your address"
      text="Confirm that the address that this mail came to is yours."
      below={<Anchor renderRoot={(props) => <Link to="/login" {...props} />}>To signing in</Anchor>}
    >
      <Stack mt="lg">
        <ProblemNote problem={problem} rest={[]} />
        {problem?.code === 'invalid' ? (
          <span>The link was used already, or is too old. Sign in to have a new one sent.</span>
        ) : null}
        <Button onClick={() => void confirm()} loading={busy} fullWidth>
          Confirm
        </Button>
      </Stack>
    </AuthCard>
  );
}
