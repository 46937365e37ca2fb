import { Alert as Note, Button, Group, Stack, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, CopyOnce, done, FormSkeleton, Loaded, PageHeader, StateDot, Time, useApiForm, useAction } from '@/ui';
import { AlertEditor } from './AlertEditor';
import { Deliveries, History } from './AlertRecords';
import { formOf, inputOf, type AlertForm } from './form';
import { ruleWords, statusOf, valueWords, type Alert } from './words';

const path = '/v1/gateways/{gateway}/alerts';

export default function AlertPage() {
  const gateway = useGatewayName();
  const { name = '' } = useParams({ strict: false });
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/alerts/{name}', { params: { path: { gateway, name } } }, { refetchInterval: 10_000 });
  return (
    <Loaded query={query} title={name} skeleton={<FormSkeleton fields={5} />}>
      {(alert) => <Known key={alert.id} gateway={gateway} alert={alert} />}
    </Loaded>
  );
}

function Known({ gateway, alert }: { gateway: string; alert: Alert }) {
  const may = useMay('gateways:write');
  const [secret, setSecret] = useState<string>();
  // The tag of what the form was filled from: the state read every ten seconds does not change it.
  const editor = useApiForm<AlertForm>({
    initialValues: formOf(alert),
    save: async (values) => {
      const { data } = await api.PUT('/v1/gateways/{gateway}/alerts/{name}', {
        params: { path: { gateway, name: alert.name }, header: { 'If-Match': etagOf(alert) } },
        body: inputOf(values),
      });
      if (data?.signing_secret) setSecret(data.signing_secret);
      await refresh(path);
      done('The alert is saved.');
    },
  });
  return (
    <>
      <PageHeader title={alert.name} description={`Fires when: ${ruleWords(alert)}.`} actions={may ? <Actions gateway={gateway} alert={alert} onSecret={setSecret} /> : undefined} />
      <Stack gap="xl">
        <State alert={alert} />
        {secret ? <CopyOnce what="signing secret" secret={secret} kept="It is kept encrypted to sign with" lost="Make a new one." /> : null}
        <AlertEditor gateway={gateway} {...editor} action="Save the changes" named disabled={!may} />
        <History gateway={gateway} alert={alert} />
        <Deliveries gateway={gateway} alert={alert} />
      </Stack>
    </>
  );
}

function State({ alert }: { alert: Alert }) {
  const { state, kind, threshold } = alert;
  const { label, dot } = statusOf(state.status);
  return (
    <Note color={state.status === 'firing' ? 'red' : state.status === 'ok' ? 'green' : 'gray'} variant="light" role="status">
      <Group gap={8}>
        <StateDot state={dot} />
        <Text fw={600}>{label}</Text>
        <Text>
          since <Time at={state.since} />
        </Text>
        {state.value !== undefined ? (
          <Text>
            {kind === 'release' ? (
              (state.subject ?? 'No release stands stopped by its rules.')
            ) : (
              <>
                Now {valueWords(kind, state.value)}; the threshold is {valueWords(kind, threshold)}
                {state.subject ? `, ${state.subject}` : ''}
              </>
            )}
          </Text>
        ) : null}
        {state.detail ? <Text>{state.detail}</Text> : null}
        {state.evaluated_at ? (
          <Text c="dimmed" size="sm">
            looked at <Time at={state.evaluated_at} />
          </Text>
        ) : null}
      </Group>
    </Note>
  );
}

interface ActionsProps {
  gateway: string;
  alert: Alert;
  onSecret: (secret: string) => void;
}

function Actions({ gateway, alert, onSecret }: ActionsProps) {
  const [asked, setAsked] = useState<'secret' | 'delete'>();
  const navigate = useNavigate();
  const params = { path: { gateway, name: alert.name } };
  const close = () => setAsked(undefined);
  const [busy, test] = useAction(async () => {
    const { data } = await api.POST('/v1/gateways/{gateway}/alerts/{name}/test', { params });
    const n = data?.items.length ?? 0;
    done(n === 0 ? 'Nobody is told by this alert yet.' : `${n} test ${n === 1 ? 'message is' : 'messages are'} on the way; see the deliveries below.`);
    await refresh(`${path}/{name}/deliveries`);
  });
  return (
    <>
      <Button onClick={() => test()} loading={busy} disabled={alert.channels.length === 0}>
        Send a test message
      </Button>
      {alert.channels.some((c) => c.type === 'webhook') ? (
        <Button variant="default" onClick={() => setAsked('secret')}>
          New signing secret
        </Button>
      ) : null}
      <Button variant="default" c="var(--tg-bad)" onClick={() => setAsked('delete')}>
        Delete
      </Button>
      <ConfirmDanger
        opened={asked === 'secret'}
        onClose={close}
        title="Make a new signing secret?"
        consequences={['Messages are signed with the new secret at once.', 'Receivers refuse them until they know it.']}
        action="Make a new secret"
        onConfirm={async () => {
          const { data } = await api.POST('/v1/gateways/{gateway}/alerts/{name}/secret', { params });
          if (data?.signing_secret) onSecret(data.signing_secret);
        }}
      />
      <ConfirmDanger
        opened={asked === 'delete'}
        onClose={close}
        title={`Delete the alert ${alert.name}?`}
        consequences={['Nobody is told any more.', 'Its history and deliveries go with it.']}
        name={alert.name}
        action="Delete the alert"
        onConfirm={async () => {
          await api.DELETE('/v1/gateways/{gateway}/alerts/{name}', { params: { ...params, header: { 'If-Match': etagOf(alert) } } });
          await refresh(path);
          await navigate({ to: '/gateways/$gw/alerts', params: { gw: gateway } });
        }}
      />
    </>
  );
}
