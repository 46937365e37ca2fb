import { Button, Group, NumberInput, Stack, Switch, Text, TextInput, Title } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay, useMembership } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { ConfirmDanger, done, FormSkeleton, Loaded, PageHeader, ProblemNote, useApiForm } from '@/ui';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { PurgeCache } from './PurgeCache';

type Gateway = Schemas['Gateway'];

export default function SettingsPage() {
  const gateway = useGatewayName();
  const query = $api.useQuery('get', '/v1/gateways/{gateway}', { params: { path: { gateway } } });
  return (
    <>
      <PageHeader title="Settings" description="What holds for the whole gateway." />
      <Loaded query={query} skeleton={<FormSkeleton fields={3} />}>
        {(data) => (
          <Stack gap={40} maw="40rem">
            <SettingsForm key={data.id} gateway={data} />
            <Freshness />
            <PurgeCache gateway={data.id} />
            <Danger gateway={data} />
          </Stack>
        )}
      </Loaded>
    </>
  );
}

function SettingsForm({ gateway }: { gateway: Gateway }) {
  const may = useMay('gateways:write');
  const navigate = useNavigate();
  // The form keeps the state it was filled from: a change elsewhere meanwhile is a conflict, not lost.
  const [from] = useState(gateway);
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: {
      name: from.name,
      server_timing: from.server_timing ?? false,
      sample: (from.log_sample ?? 1) * 100,
      tracing: from.tracing !== undefined,
      traced: (from.tracing?.sample ?? 0.01) * 100,
      follow: from.tracing?.parent === 'caller',
      slow: from.tracing?.slow ?? '',
    },
    rename: { '/log_sample': 'sample', '/tracing/sample': 'traced', '/tracing/slow': 'slow' },
    save: async ({ name, server_timing, sample, tracing, traced, follow, slow }) => {
      await api.PUT('/v1/gateways/{gateway}', {
        params: { path: { gateway: from.id }, header: { 'If-Match': etagOf(from) } },
        // The settings are replaced as a whole: those of another page go along.
        body: { name, server_timing, log_sample: sample / 100, client_certificates: from.client_certificates,
          tracing: tracing ? { sample: traced / 100, parent: follow ? 'caller' : 'own', slow: slow.trim() || undefined } : undefined,
        },
      });
      await refresh('/v1/gateways');
      done('The settings are saved.');
      if (name !== from.name) await navigate({ to: '/gateways/$gw/settings', params: { gw: name }, replace: true });
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        <TextInput
          label="Name"
          description="In this portal and in the API. The host name stays as it is."
          disabled={!may}
          spellCheck={false}
          {...form.getInputProps('name')}
        />
        <Switch
          label="Send timings to callers"
          description="Each answer says in Server-Timing how many milliseconds the edge and the backend took."
          disabled={!may}
          {...form.getInputProps('server_timing', { type: 'checkbox' })}
        />
        <NumberInput
          label="Successful requests that are logged"
          description="Refused and failed requests are always logged. Usage and invoices count every request either way."
          suffix=" %"
          min={0}
          max={100}
          decimalScale={2}
          styles={{ input: { maxWidth: '10rem' }, wrapper: { maxWidth: '10rem' } }}
          disabled={!may}
          {...form.getInputProps('sample')}
        />
        <Switch
          label="Trace requests"
          description="Where the time of a request went: each policy that took some, and each try to reach a backend. Traces go to the organization’s telemetry destinations; requests that fail are always traced."
          disabled={!may}
          {...form.getInputProps('tracing', { type: 'checkbox' })}
        />
        {form.values.tracing && <TracingFields form={form} may={may} />}
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        {may ? (
          <Group>
            <Button type="submit" loading={busy}>
              Save the settings
            </Button>
          </Group>
        ) : (
          <Text size="sm" c="dimmed">
            Your role may look at the settings, not change them.
          </Text>
        )}
      </Stack>
    </form>
  );
}

type Fields = { getInputProps: (name: 'traced' | 'slow' | 'follow', options?: { type: 'checkbox' }) => object };

/** Which requests are traced beside those that fail. */
function TracingFields({ form, may }: { form: Fields; may: boolean }) {
  return (
    <Stack gap="md" pl="lg">
      <NumberInput
        label="Requests that are traced"
        suffix=" %"
        min={0}
        max={100}
        decimalScale={2}
        styles={{ input: { maxWidth: '10rem' }, wrapper: { maxWidth: '10rem' } }}
        disabled={!may}
        {...form.getInputProps('traced')}
      />
      <TextInput
        label="And those slower than"
        description="Until the answer begins, such as 2s. Empty: no request is traced for being slow."
        placeholder="2s"
        styles={{ input: { maxWidth: '10rem' }, wrapper: { maxWidth: '10rem' } }}
        disabled={!may}
        spellCheck={false}
        {...form.getInputProps('slow')}
      />
      <Switch
        label="Let callers decide"
        description="A caller’s traceparent says whether its request is traced. Only for callers whom you trust with what that costs."
        disabled={!may}
        {...form.getInputProps('follow', { type: 'checkbox' })}
      />
    </Stack>
  );
}

/** The choice belongs to the organization; here it says what it means for this gateway. */
function Freshness() {
  const organization = useMembership()?.organization;
  if (!organization) return null;
  const strict = organization.freshness === 'strict';
  return (
    <section>
      <Title order={2}>When an edge is cut off</Title>
      <Text mt={4}>
        {strict
          ? 'Strict: an edge without news for 30 s refuses requests, so that no revoked key is ever served.'
          : 'Available: an edge without news goes on serving what it has; a key that is revoked meanwhile still works there until it is back.'}{' '}
        All gateways of the organization share this choice: change it in <TextLink to="/organization/settings">the organization’s settings</TextLink>.
      </Text>
    </section>
  );
}

function Danger({ gateway }: { gateway: Gateway }) {
  const may = useMay('gateways:write');
  const navigate = useNavigate();
  const [opened, setOpened] = useState(false);
  if (!may) return null;
  return (
    <section>
      <Title order={2}>Copy or delete</Title>
      <Group mt="sm" gap="xs">
        <LinkButton to="/gateways/$gw/copy" params={{ gw: gateway.name }} variant="default">
          Copy to another gateway
        </LinkButton>
        <Button variant="default" c="var(--tg-bad)" onClick={() => setOpened(true)}>
          Delete the gateway
        </Button>
      </Group>
      <ConfirmDanger
        opened={opened}
        onClose={() => setOpened(false)}
        title={`Delete the gateway ${gateway.name}?`}
        name={gateway.name}
        action="Delete the gateway"
        consequences={[
          `${gateway.hostname} answers 404 at once, to every caller.`,
          'Its routes, upstreams, consumers, keys and secrets are deleted and can’t be brought back.',
          'The host name stays reserved for 7 days.',
        ]}
        onConfirm={async () => {
          await api.DELETE('/v1/gateways/{gateway}', { params: { path: { gateway: gateway.id }, header: { 'If-Match': etagOf(gateway) } } });
          await navigate({ to: '/gateways' });
          await refresh('/v1/gateways');
          done(`The gateway ${gateway.name} is deleted.`);
        }}
      />
    </section>
  );
}
