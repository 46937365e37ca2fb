import { ActionIcon, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { $api, api } from '@/api/client';
import { refresh } from '@/api/queries';
import { ProblemNote, useApiForm } from '@/ui';

/** Makes the first upstream, of the user's own backends or of the echo backend. */
export function BackendsStep({ gateway }: { gateway: string }) {
  const { data: installation } = $api.useQuery('get', '/v1/installation', undefined, { staleTime: Infinity });
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: 'backend', targets: [{ url: '' }, { url: '' }] },
    save: async ({ name, targets }) => {
      // A second backend is welcome, not asked for.
      const filled = targets.filter((t, i) => t.url.trim() !== '' || i === 0).map((t) => ({ url: t.url.trim() }));
      await api.POST('/v1/gateways/{gateway}/upstreams', { params: { path: { gateway } }, body: { name, targets: filled } });
      await refresh('/v1/gateways/{gateway}');
    },
  });
  const echo = installation?.echo_url;
  const { targets } = form.getValues();
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw="34rem">
        <Text>Where should requests go? With several backends, Tollgate balances over them and leaves out those that fail.</Text>
        {targets.map((_, i) => (
          <Group key={form.key(`targets.${i}`)} gap="xs" align="flex-start" wrap="nowrap">
            <TextInput
              style={{ flex: 1 }}
              label={`Backend ${i + 1}`}
              placeholder={i === 0 ? 'https://api-1.example.com' : 'https://api-2.example.com (optional)'}
              autoComplete="off"
              spellCheck={false}
              {...form.getInputProps(`targets.${i}.url`)}
            />
            {i > 1 ? (
              <ActionIcon variant="subtle" color="gray" size="lg" mt={26} aria-label={`Remove backend ${i + 1}`} onClick={() => form.removeListItem('targets', i)}>
                <IconX size={17} aria-hidden />
              </ActionIcon>
            ) : null}
          </Group>
        ))}
        <Group gap="xs">
          <Button variant="default" size="compact-sm" leftSection={<IconPlus size={14} aria-hidden />} onClick={() => form.insertListItem('targets', { url: '' })}>
            Another backend
          </Button>
          {echo ? (
            <Button variant="default" size="compact-sm" onClick={() => form.setFieldValue('targets', [{ url: echo }])}>
              I have none: use the echo backend
            </Button>
          ) : null}
        </Group>
        {echo ? (
          <Text size="sm" c="dimmed">
            The echo backend answers each request with what it was sent. It is there to try things out.
          </Text>
        ) : null}
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group>
          <Button type="submit" loading={busy}>
            Make the upstream
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
