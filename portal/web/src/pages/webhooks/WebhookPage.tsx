import { Alert as Note, Code, Group, Stack, Text } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { CopyOnce, done, FormSkeleton, Loaded, PageHeader, StateDot, Time, useApiForm } from '@/ui';
import { Facts } from '@/ui/Facts';
import { Deliveries } from './Deliveries';
import { formOf, inputOf, validate, type WebhookForm } from './form';
import { WebhookActions } from './WebhookActions';
import { WebhookEditor } from './WebhookEditor';
import { errorWords, statusOf, tookWords, type Tested, type Webhook } from './words';

const path = '/v1/gateways/{gateway}/webhooks';

export default function WebhookPage() {
  const gateway = useGatewayName();
  const { name = '' } = useParams({ strict: false });
  const query = $api.useQuery('get', '/v1/gateways/{gateway}/webhooks/{name}', { params: { path: { gateway, name } } }, { refetchInterval: 5_000 });
  return (
    <Loaded query={query} title={name} skeleton={<FormSkeleton fields={5} />}>
      {(webhook) => <Known key={webhook.id} gateway={gateway} webhook={webhook} />}
    </Loaded>
  );
}

function Known({ gateway, webhook }: { gateway: string; webhook: Webhook }) {
  const may = useMay('gateways:write');
  const [secret, setSecret] = useState<string>();
  const [tested, setTested] = useState<Tested>();
  // The form keeps the state it was filled from: a change elsewhere meanwhile is a conflict, not lost.
  const [from, setFrom] = useState(webhook);
  const editor = useApiForm<WebhookForm>({
    initialValues: formOf(webhook),
    validate,
    save: async (values) => {
      const { data } = await api.PUT('/v1/gateways/{gateway}/webhooks/{name}', {
        params: { path: { gateway, name: from.name }, header: { 'If-Match': etagOf(from) } },
        body: inputOf(values),
      });
      if (data) {
        setFrom(data);
        editor.form.setValues(formOf(data));
      }
      setTested(undefined);
      await refresh(path);
      done('The webhook is saved.');
    },
  });
  return (
    <>
      <PageHeader
        title={webhook.name}
        description="A webhook: what it is told, and how that goes."
        docs="/docs/webhooks"
        actions={
          may ? (
            <WebhookActions
              gateway={gateway}
              webhook={webhook}
              onTested={setTested}
              onSecret={(made) => {
                setSecret(made);
                // The new secret made a new revision, which the form goes on from.
                void api.GET('/v1/gateways/{gateway}/webhooks/{name}', { params: { path: { gateway, name: webhook.name } } }).then(({ data }) => data && setFrom(data));
              }}
            />
          ) : undefined
        }
      />
      <Stack gap="xl">
        <Stack gap="xl" maw="48rem">
          {secret ? <CopyOnce what="signing secret" secret={secret} kept="It is kept encrypted to sign with" lost="Make a new one." /> : null}
          {tested ? <Result tested={tested} onClose={() => setTested(undefined)} /> : null}
          <State webhook={webhook} />
        </Stack>
        <Deliveries gateway={gateway} webhook={webhook} may={may} />
        <section aria-label="Settings">
          <WebhookEditor {...editor} action="Save the changes" named disabled={!may} />
        </section>
      </Stack>
    </>
  );
}

function Result({ tested, onClose }: { tested: Tested; onClose: () => void }) {
  return (
    <Note color={tested.ok ? 'green' : 'red'} variant="light" role="status" title={tested.ok ? 'The test was taken' : 'The test failed'} withCloseButton closeButtonLabel="Close" onClose={onClose}>
      <Text size="sm">
        {tested.ok ? `The receiver answered ${tested.status_code} within ${tookWords(tested.took_ms)}.` : `${errorWords(tested.error, tested.status_code)} The test took ${tookWords(tested.took_ms)}.`}
      </Text>
      {tested.answer ? (
        <Code block mt="xs" className="tg-mono" tabIndex={0} role="region" aria-label="The answer" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', maxHeight: '12rem', overflowY: 'auto' }}>
          {tested.answer}
        </Code>
      ) : null}
    </Note>
  );
}

function State({ webhook: { state } }: { webhook: Webhook }) {
  const { label, dot } = statusOf(state.status);
  return (
    <section aria-label="State">
      <Stack gap="sm">
        <Group gap={8} role="status">
          <StateDot state={dot} />
          <Text fw={600}>{label}</Text>
        </Group>
        {state.status === 'disabled' && state.disabled_at ? (
          <Note color="red" variant="light" title="Why it is off">
            {errorWords(state.disabled_reason, undefined)} That was <Time at={state.disabled_at} />. Mend the receiver, test it, and switch the webhook on again below; what it missed can be sent
            again.
          </Note>
        ) : null}
        {state.status === 'failing' && state.last_failure ? (
          <Note color="red" variant="light" title="What went wrong">
            {errorWords(state.error, state.status_code)} That was <Time at={state.last_failure} />
            {state.failures > 1 ? `, after ${state.failures.toLocaleString('en')} tries in a row` : ''}. When nothing is taken in 5 days of tries, the webhook is switched off.
          </Note>
        ) : null}
        <div className="tg-panel" style={{ padding: '14px 16px' }}>
          <Facts
            facts={[
              ['Last taken', state.last_success ? <Time at={state.last_success} /> : 'Never'],
              ['Waiting', state.waiting.toLocaleString('en')],
              ['Taken', state.delivered.toLocaleString('en')],
              ['Dropped', state.dropped > 0 ? state.dropped.toLocaleString('en') : undefined],
              ['Former secret signs until', state.old_secret_until ? <Time at={state.old_secret_until} /> : undefined],
            ]}
          />
        </div>
      </Stack>
    </section>
  );
}
