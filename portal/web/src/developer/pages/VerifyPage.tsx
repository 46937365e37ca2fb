import { Button, Stack } from '@mantine/core';
import { useState } from 'react';
import { done } from '@/ui/notify';
import { ProblemNote } from '@/ui/ProblemNote';
import { asProblem, type Problem } from '@/api/problem';
import { Card } from '../Card';
import { api, here } from '../client';
import { To, useGo } from '../links';
import { useToken } from '../useToken';

// A button rather than at once: programs that look into mails open links too.
export default function VerifyPage() {
  const token = useToken();
  const go = useGo();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const confirm = async () => {
    setBusy(true);
    try {
      await api.POST('/v1/developer/{label}/verify', { params: here, body: { token } });
      done('Your address is confirmed. Sign in.');
      go('/login');
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  if (!token) return <Card title="This link is not whole" text="Open it from the mail again." below={<To page="/login" underline="always">To the sign-in</To>} />;
  return (
    <Card title="Confirm your address" text="One click, and your account is ready.">
      <Stack>
        <ProblemNote problem={problem} />
        <Button onClick={() => void confirm()} loading={busy}>
          Confirm the address
        </Button>
      </Stack>
    </Card>
  );
}
