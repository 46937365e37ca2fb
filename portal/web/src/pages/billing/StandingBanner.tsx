import { Alert, Button, Group, Text } from '@mantine/core';
import { $api } from '@/api/client';
import { useMay, useMembership } from '@/api/session';
import { useAction } from '@/ui/useAction';
import { paymentPage } from './act';
import { troubleOf } from './standing';
import { useSubscription } from './useSubscription';

/**
 * Stands over every page while a payment is missing or the organization is
 * suspended: what that means, by when, and the button that mends it.
 */
export function StandingBanner() {
  const organization = useMembership()?.organization;
  const suspended = organization?.suspended === true;
  const subscription = useSubscription().data;
  const reasons = $api.useQuery('get', '/v1/organization', undefined, { enabled: suspended, staleTime: 60_000 });
  // Why is read after that it is: until then, nothing is claimed.
  const known = suspended ? reasons.data?.suspensions : [];
  const trouble = organization && known && troubleOf(organization.name, known, subscription);
  if (!trouble) return null;
  return (
    <Alert color={trouble.colour} variant={trouble.colour === 'red' ? 'filled' : 'light'} mb="md" title={trouble.title} role="alert">
      <Group justify="space-between" gap="xs">
        <Text size="sm" maw="46rem">
          {trouble.text}
        </Text>
        {trouble.payment ? <Mend /> : null}
      </Group>
    </Alert>
  );
}

function Mend() {
  const may = useMay('billing:write');
  const [busy, go] = useAction(paymentPage);
  if (!may) return <Text size="sm">An owner of the organization, or who cares for its billing, can pay.</Text>;
  return (
    <Button size="compact-sm" variant="default" onClick={() => go()} loading={busy}>
      Fix the payment
    </Button>
  );
}
