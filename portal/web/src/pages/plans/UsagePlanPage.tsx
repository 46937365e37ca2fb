import { Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { $api, api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, done, FormSkeleton, Loaded, PageHeader } from '@/ui';
import { Facts } from '@/ui/Facts';
import { count } from '@/ui/format';
import { ManagedBadge } from '@/ui/ManagedBadge';
import { Panel } from '@/ui/Panel';
import { quotaText, rateText } from './limits';
import { PlanForm } from './PlanForm';

export default function UsagePlanPage() {
  const gateway = useGatewayName();
  const { name = '' } = useParams({ strict: false });
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/usage-plans/{name}', { params: { path: { gateway, name } } });
  return (
    <Loaded query={query} title={name} skeleton={<FormSkeleton fields={5} />}>
      {(plan) => <One gateway={gateway} plan={plan} />}
    </Loaded>
  );
}

function One({ gateway, plan }: { gateway: string; plan: Schemas['UsagePlan'] }) {
  const may = useMay('gateways:write');
  const name = plan.name ?? '';
  return (
    <>
      <PageHeader
        title={name}
        badge={<ManagedBadge by={plan.managed_by} />}
        description="A change holds for every consumer and key with this plan as soon as the new version is live. What was used already stays used."
        actions={
          <Button variant="default" renderRoot={(props) => <Link to="/gateways/$gw/consumers" params={{ gw: gateway }} search={{ plan: name }} {...props} />}>
            Its consumers
          </Button>
        }
      />
      {may ? (
        <>
          <Stack maw="44rem" className="tg-panel" p="lg" mb="xl">
            <PlanForm gateway={gateway} plan={plan} key={plan.updated_at} onSaved={() => done('The usage plan is saved.')} />
          </Stack>
          <Remove gateway={gateway} plan={plan} />
        </>
      ) : (
        <Read gateway={gateway} plan={plan} />
      )}
    </>
  );
}

function Read({ gateway, plan }: { gateway: string; plan: Schemas['UsagePlan'] }) {
  return (
    <Stack className="tg-panel" p="lg">
      <Facts
        facts={[
          ['Rate', plan.rate_limit ? rateText(plan.rate_limit) : 'No limit'],
          ['Quota', plan.quota ? quotaText(plan.quota) : 'No limit'],
          ['Concurrency', plan.concurrency ? `${count(plan.concurrency)} at once` : 'No limit'],
          [
            'Routes',
            plan.routes?.length ? (
              <Group gap="sm">
                {plan.routes.map((r) => (
                  <Anchor key={r} renderRoot={(props) => <Link to="/gateways/$gw/routes/$name" params={{ gw: gateway, name: r }} {...props} />}>
                    {r}
                  </Anchor>
                ))}
              </Group>
            ) : (
              'All'
            ),
          ],
        ]}
      />
    </Stack>
  );
}

function Remove({ gateway, plan }: { gateway: string; plan: Schemas['UsagePlan'] }) {
  const [asking, dialog] = useDisclosure(false);
  const navigate = useNavigate();
  const name = plan.name ?? '';
  return (
    <Panel title="Delete the usage plan">
      <Stack align="flex-start" gap="sm">
        <Text>Only a plan that no consumer and no key uses can be deleted.</Text>
        <Button variant="default" c="var(--tg-bad)" onClick={dialog.open}>
          Delete {name}
        </Button>
      </Stack>
      <ConfirmDanger
        opened={asking}
        onClose={dialog.close}
        title={`Delete the usage plan ${name}?`}
        name={name}
        consequences={['It makes a new version of the gateway, which can be restored.', 'Consumers and keys that use it must get another one first.']}
        action="Delete the usage plan"
        onConfirm={async () => {
          await api.DELETE('/v1/gateways/{gateway}/usage-plans/{name}', { params: { path: { gateway, name }, header: { 'If-Match': etagOf(plan) } } });
          await navigate({ to: '/gateways/$gw/usage-plans', params: { gw: gateway } });
          await refresh('/v1/gateways/{gateway}/usage-plans');
          done(`The usage plan ${name} is deleted.`);
        }}
      />
    </Panel>
  );
}
