import { Button, Group, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { $api, api } from '@/api/client';
import { refresh } from '@/api/queries';
import { ProblemNote, useApiForm } from '@/ui';

/** Makes a gateway, or goes on with one that is there. */
export function GatewayStep({ onChosen }: { onChosen: (name: string) => void }) {
  const { data } = $api.useQuery('get', '/v1/gateways', { params: { query: { limit: 200 } } });
  const installation = $api.useQuery('get', '/v1/installation', undefined, { staleTime: Infinity });
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '', mode: 'live' as 'live' | 'test' },
    save: async (body) => {
      const { data: made } = await api.POST('/v1/gateways', { body });
      await refresh('/v1/gateways');
      if (made) onChosen(made.name);
    },
  });
  const domain = installation.data?.edge_domain ?? 'the edge domain';
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw="30rem">
        <Text>A gateway is one API front with a host name of its own. Most have one for production and one for staging.</Text>
        <TextInput
          label="Name"
          description={`Lower-case letters, digits and hyphens. It becomes a host below ${domain}.`}
          placeholder="shop"
          autoComplete="off"
          spellCheck={false}
          {...form.getInputProps('name')}
        />
        <div role="group" aria-labelledby="guide-mode">
          <Text id="guide-mode" fw={550} size="sm" mb={4}>
            Mode
          </Text>
          <SegmentedControl
            data={[
              { value: 'live', label: 'Live' },
              { value: 'test', label: 'Test, unbilled' },
            ]}
            {...form.getInputProps('mode')}
          />
        </div>
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group gap="xs">
          <Button type="submit" loading={busy}>
            Make the gateway
          </Button>
        </Group>
        {data && data.items.length > 0 ? (
          <Select
            label="Or go on with one that you have"
            data={data.items.map((g) => g.name)}
            searchable
            value={null}
            onChange={(name) => {
              if (name) onChosen(name);
            }}
          />
        ) : null}
      </Stack>
    </form>
  );
}
