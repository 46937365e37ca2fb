import { Alert as Note, Button, Group, Stack, Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { ConfirmDanger, done, FormSkeleton, Loaded, PageHeader, StateDot, Time, useApiForm, useAction } from '@/ui';
import { Facts } from '@/ui/Facts';
import { DestinationEditor } from './DestinationEditor';
import { byRow, formOf, inputOf, validate, type DestinationForm } from './form';
import { errorWords, statusOf, testedWords, waitingWords, type Destination, type Tested } from './words';

const path = '/v1/telemetry/destinations';

export default function DestinationPage() {
  const { name = '' } = useParams({ strict: false });
  const query = $api.useQuery('get', '/v1/telemetry/destinations/{name}', { params: { path: { name } } }, { refetchInterval: 5_000 });
  return (
    <Loaded query={query} title={name} skeleton={<FormSkeleton fields={5} />}>
      {(destination) => <Known key={destination.id} destination={destination} />}
    </Loaded>
  );
}

function Known({ destination }: { destination: Destination }) {
  const may = useMay('organization:write');
  const [tested, setTested] = useState<Tested>();
  // The form keeps the state it was filled from: a change elsewhere meanwhile is a conflict, not lost.
  const [from, setFrom] = useState(destination);
  const editor = useApiForm<DestinationForm>({
    initialValues: formOf(destination),
    validate,
    save: async (values) => {
      try {
        const { data } = await api.PUT('/v1/telemetry/destinations/{name}', {
          params: { path: { name: from.name }, header: { 'If-Match': etagOf(from) } },
          body: inputOf(values),
        });
        if (data) {
          setFrom(data);
          editor.form.setValues(formOf(data));
        }
      } catch (error) {
        throw byRow(error, values);
      }
      setTested(undefined);
      await refresh(path);
      done('The destination is saved.');
    },
  });
  return (
    <>
      <PageHeader
        title={destination.name}
        description="A telemetry destination: what is sent there, and how that goes."
        docs="/docs/observability#sent-to-you"
        actions={may ? <Actions destination={destination} onTested={setTested} /> : undefined}
      />
      <Stack gap="xl" maw="48rem">
        {tested ? (
          <Note color={tested.ok ? 'green' : 'red'} variant="light" role="status" title={tested.ok ? 'The test arrived' : 'The test failed'} withCloseButton closeButtonLabel="Close" onClose={() => setTested(undefined)}>
            {testedWords(tested)}
          </Note>
        ) : null}
        <State destination={destination} />
        <DestinationEditor {...editor} kept={from.header_names} action="Save the changes" named disabled={!may} />
      </Stack>
    </>
  );
}

function State({ destination: { state } }: { destination: Destination }) {
  const { label, dot } = statusOf(state.status);
  return (
    <section aria-label="State">
      <Stack gap="sm">
        <Group gap={8} role="status">
          <StateDot state={dot} />
          <Text fw={600}>{label}</Text>
        </Group>
        {state.last_failure && (state.error || state.failures > 0) ? (
          <Note color={state.status === 'failing' ? 'red' : 'gray'} variant="light" title={state.status === 'failing' ? 'What went wrong' : 'The last failure, which is over'}>
            {errorWords(state.error, state.status_code)} That was <Time at={state.last_failure} />
            {state.failures > 1 ? `, after ${state.failures.toLocaleString('en')} tries in a row` : ''}.
          </Note>
        ) : null}
        <div className="tg-panel" style={{ padding: '14px 16px' }}>
          <Facts
            facts={[
              ['Last taken', state.last_success ? <Time at={state.last_success} /> : 'Never'],
              ['Records waiting', waitingWords(state.waiting)],
              ['Records taken', state.sent.toLocaleString('en')],
              ['Records dropped', state.dropped.toLocaleString('en')],
            ]}
          />
        </div>
        {state.dropped > 0 ? (
          <Text size="sm" c="dimmed">
            Records are dropped when more than 100,000 wait, the oldest first, and when the endpoint refuses a batch four times.
          </Text>
        ) : null}
      </Stack>
    </section>
  );
}

function Actions({ destination, onTested }: { destination: Destination; onTested: (tested: Tested | undefined) => void }) {
  const [deleting, setDeleting] = useState(false);
  const navigate = useNavigate();
  const { name } = destination;
  const [busy, test] = useAction(async () => {
    onTested(undefined);
    const { data } = await api.POST('/v1/telemetry/destinations/{name}/test', { params: { path: { name } } });
    onTested(data);
  });
  return (
    <>
      <Button onClick={() => test()} loading={busy}>
        Send a test
      </Button>
      <Button variant="default" c="var(--tg-bad)" onClick={() => setDeleting(true)}>
        Delete
      </Button>
      <ConfirmDanger
        opened={deleting}
        onClose={() => setDeleting(false)}
        title={`Delete the destination ${name}?`}
        consequences={['Nothing is sent there any more; what still waits is not sent either.', 'Its header fields are deleted and can’t be brought back.']}
        action="Delete the destination"
        onConfirm={async () => {
          await api.DELETE('/v1/telemetry/destinations/{name}', { params: { path: { name }, header: { 'If-Match': etagOf(destination) } } });
          await navigate({ to: '/organization/telemetry' });
          await refresh(path);
          done(`Nothing is sent to ${name} any more.`);
        }}
      />
    </>
  );
}
