import { Button, Group, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { $api, api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { done, PageHeader, ProblemNote, useApiForm } from '@/ui';
import { LinkButton } from '@/ui/LinkTo';
import { addressOf } from './address';

export default function NewGatewayPage() {
  const navigate = useNavigate();
  const installation = $api.useQuery('get', '/v1/installation').data;
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '', mode: 'live' as Schemas['GatewayMode'] },
    save: async (body) => {
      const { data } = await api.POST('/v1/gateways', { body });
      await refresh('/v1/gateways');
      done(`The gateway ${body.name} is made.`);
      await navigate({ to: '/gateways/$gw/overview', params: { gw: data?.name ?? body.name } });
    },
  });
  return (
    <>
      <PageHeader title="New gateway" description="A gateway is one API front with a host name of its own, which never changes." />
      <form onSubmit={submit} noValidate style={{ maxWidth: '36rem' }}>
        <Stack gap="lg">
          <TextInput
            label="Name"
            description="Lower-case letters, digits and inner hyphens: it becomes part of the address."
            autoComplete="off"
            spellCheck={false}
            data-autofocus
            {...form.getInputProps('name')}
          />
          {installation ? (
            <Text size="sm" c="dimmed">
              Answers at <span className="tg-mono">{addressOf(installation.edge_url, form.values.name || 'name')}</span>
              {', or with an ending where somebody else has that name.'}
            </Text>
          ) : null}
          <Radio.Group label="Mode" description="It stays as it is chosen." {...form.getInputProps('mode')}>
            <Stack gap="xs" mt="xs">
              <Radio value="live" label="Live" description="For your customers. Requests are billed by your plan; keys begin with tg_live_." />
              <Radio value="test" label="Test" description="Free and unbilled, with the free plan’s limits; keys begin with tg_test_." />
            </Stack>
          </Radio.Group>
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <Group gap="xs">
            <Button type="submit" loading={busy}>
              Make the gateway
            </Button>
            <LinkButton to="/gateways" variant="default">
              Cancel
            </LinkButton>
          </Group>
        </Stack>
      </form>
    </>
  );
}
