import { Alert, Button, Group, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { chooseOrganization } from '@/api/organization';
import { useMe } from '@/api/session';
import { failed } from '@/ui/notify';

/** Stands over every page while an operator looks at an organization as a viewer of it. */
export function ViewBanner() {
  const view = useMe()?.view;
  return view ? <Viewing view={view} /> : null;
}

function Viewing({ view }: { view: Schemas['OperatorView'] }) {
  const ends = Date.parse(view.ends_at);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5000);
    return () => clearInterval(timer);
  }, []);
  const leave = () => {
    chooseOrganization(undefined);
    window.location.assign(`/operator/organizations/${view.organization}`); // nothing of theirs stays on the screen
  };
  useEffect(() => {
    if (now >= ends) leave();
  });
  const end = () => api.DELETE('/v1/operator/view').then(leave, failed);
  const minutes = Math.max(0, Math.ceil((ends - now) / 60_000));
  return (
    <Alert variant="filled" mb="md" title={`You look at ${view.name} as an operator`}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" maw="46rem">
          You can read it as a viewer and change nothing. Each look stands in its audit log with your address and the reason: {view.reason}. It ends in {minutes} {minutes === 1 ? 'minute' : 'minutes'}.
        </Text>
        <Button size="compact-sm" variant="default" onClick={() => void end()}>
          End the view
        </Button>
      </Group>
    </Alert>
  );
}
