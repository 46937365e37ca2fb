import { Button, Group, Radio, Stack, Text, TextInput } from '@mantine/core';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { ProblemNote, useApiForm } from '@/ui';

export interface RouteStepProps {
  gateway: string;
  upstream: string;
}

/** Makes the first route: a path, the upstream, and who may call it. */
export function RouteStep({ gateway, upstream }: RouteStepProps) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { path: '/*', access: 'key' },
    rename: { '/match/path': 'path', '/match': 'path' },
    save: async ({ path, access }) => {
      const open = access === 'public';
      await api.POST('/v1/gateways/{gateway}/routes', {
        params: { path: { gateway } },
        body: { name: 'first', match: { path: path.trim() }, upstream, public: open, policies: open ? [] : [{ type: 'api_key', config: {} }] },
      });
      await refresh('/v1/gateways/{gateway}');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw="30rem">
        <Text>A route says which requests go to the upstream {upstream}.</Text>
        <TextInput
          label="Path"
          description="/* is every path; /orders/* is /orders and what is below it."
          spellCheck={false}
          autoComplete="off"
          {...form.getInputProps('path')}
        />
        <Radio.Group label="Who may call it" {...form.getInputProps('access')}>
          <Stack gap={6} mt={6}>
            <Radio value="key" label="Whoever sends an API key of this gateway" />
            <Radio value="public" label="Everybody" />
          </Stack>
        </Radio.Group>
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group>
          <Button type="submit" loading={busy}>
            Make the route
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
