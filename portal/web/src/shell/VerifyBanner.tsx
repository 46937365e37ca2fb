import { Alert, Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import { $api, api } from '@/api/client';
import { useMe, useMembership } from '@/api/session';
import { failed } from '@/ui/notify';

/** Reminds of an address that is not confirmed yet, where mail is set up. */
export function VerifyBanner() {
  const me = useMe();
  const organization = useMembership()?.organization;
  const { data } = $api.useQuery('get', '/v1/installation', undefined, { staleTime: Infinity });
  const [sent, setSent] = useState(false);
  if (!me || me.user.verified || !data?.mail) return null;
  const resend = () => api.POST('/v1/email/resend').then(() => setSent(true), failed);
  return (
    <Alert color="amber" mb="md" variant="light">
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          Confirm your address by the link that we sent to <strong>{me.user.email}</strong>.
          {organization && !organization.verified ? ` Until then, ${organization.name} may serve 100 requests a day.` : ''}
        </Text>
        <Button size="compact-sm" variant="default" onClick={() => void resend()} disabled={sent}>
          {sent ? 'Sent' : 'Send it again'}
        </Button>
      </Group>
    </Alert>
  );
}
