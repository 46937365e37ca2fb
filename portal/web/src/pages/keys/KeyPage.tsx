import { Anchor, Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { CopyText, Loaded, PageHeader, PanelSkeleton, Time } from '@/ui';
import { Facts } from '@/ui/Facts';
import { dateTime } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { Budgets } from '../plans/Budgets';
import { limitsText } from '../plans/limits';
import { EditKey } from './EditKey';
import { KeyState } from './KeyState';
import { KeyReceipt } from './Receipt';
import { RevokeKey } from './RevokeKey';
import { RotateKey } from './RotateKey';

export default function KeyPage() {
  const gateway = useGatewayName();
  const { key = '' } = useParams({ strict: false }) as { key?: string };
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/keys/{key}', { params: { path: { gateway, key } } }, { refetchInterval: 10_000 });
  return (
    <Loaded query={query} title="API key" skeleton={<PanelSkeleton lines={6} />}>
      {(found) => <One gateway={gateway} value={found} />}
    </Loaded>
  );
}

function One({ gateway, value }: { gateway: string; value: Schemas['Key'] }) {
  const [rotating, rotation] = useDisclosure(false);
  const [revoking, revocation] = useDisclosure(false);
  const may = useMay('keys:write');
  const works = value.state === 'active' || value.state === 'pending';
  const name = value.name || `${value.prefix}…`;
  return (
    <>
      <PageHeader
        title={name}
        badge={
          <Text span size="sm">
            <KeyState state={value.state} />
          </Text>
        }
        actions={
          may && works ? (
            <>
              <Button onClick={rotation.open} disabled={value.rotated_to !== undefined}>
                Rotate
              </Button>
              <Button variant="default" c="var(--tg-bad)" onClick={revocation.open}>
                Revoke
              </Button>
            </>
          ) : null
        }
      />
      <KeyFacts gateway={gateway} value={value} />
      {value.state === 'revoked' && may ? <Revoked gateway={gateway} id={value.id} /> : null}
      {works ? (
        <Panel title="What is left" text="Counted together on all edges, a few seconds old at most. What comes from the usage plan is shared by all keys of the consumer.">
          <Budgets budgets={value.budgets ?? []} />
        </Panel>
      ) : null}
      <Panel title="What it did">
        <Group gap="xs">
          <Button variant="default" renderRoot={(props) => <Link to="/gateways/$gw/logs" params={{ gw: gateway }} search={{ key: value.id }} {...props} />}>
            Its requests
          </Button>
          <Button variant="default" renderRoot={(props) => <Link to="/gateways/$gw/logs" params={{ gw: gateway }} search={{ key: value.id, outcome: 'refused' }} {...props} />}>
            Refused requests
          </Button>
          <Button variant="default" renderRoot={(props) => <Link to="/gateways/$gw/analytics" params={{ gw: gateway }} search={{ key: value.id }} {...props} />}>
            Its usage
          </Button>
        </Group>
      </Panel>
      {may && works ? (
        <Panel title="Change the key" text="Who holds it needs nothing new: edges follow within a second.">
          <EditKey gateway={gateway} value={value} key={value.updated_at} />
        </Panel>
      ) : null}
      <RotateKey gateway={gateway} id={value.id} opened={rotating} onClose={rotation.close} />
      <RevokeKey gateway={gateway} id={value.id} name={name} opened={revoking} onClose={revocation.close} />
    </>
  );
}

function KeyFacts({ gateway, value }: { gateway: string; value: Schemas['Key'] }) {
  const at = (time: string | undefined) => (time ? <Time at={time} /> : undefined);
  return (
    <Stack className="tg-panel" p="lg" mb="xl">
      <Facts
        facts={[
          ['Consumer', <Anchor key="c" renderRoot={(props) => <Link to="/gateways/$gw/consumers/$name" params={{ gw: gateway, name: value.consumer }} {...props} />}>{value.consumer}</Anchor>],
          ['Begins with', <span key="p" className="tg-mono">{value.prefix}…</span>],
          ['Id', <CopyText key="i" text={value.id} label="id" />],
          ['Issued', <span key="w"><Time at={value.created_at} />{value.created_by ? ` by ${value.created_by}` : ''}</span>],
          ['Last used', at(value.last_used_at) ?? 'Never'],
          ['Valid from', value.not_before ? dateTime(value.not_before) : undefined],
          ['Expires', value.expires_at ? dateTime(value.expires_at) : 'Never'],
          ['Revoked', at(value.revoked_at)],
          ['Replaced by', value.rotated_to ? <Anchor key="r" renderRoot={(props) => <Link to="/gateways/$gw/keys/$key" params={{ gw: gateway, key: value.rotated_to ?? '' }} {...props} />}>its new key</Anchor> : undefined],
          ['Usage plan', value.usage_plan ? <Anchor key="u" renderRoot={(props) => <Link to="/gateways/$gw/usage-plans/$name" params={{ gw: gateway, name: value.usage_plan ?? '' }} {...props} />}>{value.usage_plan}</Anchor> : 'The consumer’s'],
          ['Limits of its own', limitsText(value.limits)],
          ['Scopes', value.scopes?.length ? <Group key="s" gap={4}>{value.scopes.map((s) => <Badge key={s} variant="default" tt="none" ff="monospace" fw={400}>{s}</Badge>)}</Group> : undefined],
        ]}
      />
    </Stack>
  );
}

function Revoked({ gateway, id }: { gateway: string; id: string }) {
  const [asked, setAsked] = useState(false);
  return (
    <Panel title="Receipt" text="Which edges refuse the key, and since when.">
      {asked ? (
        <KeyReceipt gateway={gateway} id={id} />
      ) : (
        <Button variant="default" onClick={() => setAsked(true)}>
          Ask the edges
        </Button>
      )}
    </Panel>
  );
}
