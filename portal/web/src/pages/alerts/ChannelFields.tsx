import { ActionIcon, Button, Group, Stack, TagsInput, Text, TextInput, Title } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { IconMail, IconTrash, IconWebhook } from '@tabler/icons-react';
import type { AlertForm } from './form';

/** Where messages go: mail addresses and webhooks. */
export function ChannelFields({ form }: { form: UseFormReturnType<AlertForm> }) {
  const { channels } = form.values;
  const add = (type: 'mail' | 'webhook') => form.insertListItem('channels', { type, to: [], url: '' });
  const errors = (i: number) =>
    form.errors[`channels.${i}.to`] ?? channels[i]?.to.map((_, n) => form.errors[`channels.${i}.to.${n}`]).find((e) => e !== undefined);
  return (
    <Stack gap="sm">
      <Title order={2} size="h3">
        Who is told
      </Title>
      {channels.length === 0 ? (
        <Text size="sm" c="dimmed">
          Nobody yet: the state is only shown here.
        </Text>
      ) : null}
      {channels.map((channel, i) => (
        <Group key={i} align="flex-end" wrap="nowrap" gap="xs">
          {channel.type === 'mail' ? (
            <TagsInput
              style={{ flex: 1, minWidth: 0 }}
              label="Mail to"
              description="Press Enter after each address"
              placeholder={channel.to.length === 0 ? 'ops@example.com' : undefined}
              splitChars={[',', ' ', ';']}
              acceptValueOnBlur
              value={channel.to}
              onChange={(to) => form.setFieldValue(`channels.${i}.to`, to)}
              error={errors(i)}
            />
          ) : (
            <TextInput
              style={{ flex: 1, minWidth: 0 }}
              label="Webhook"
              description="A POST of JSON, signed with the alert’s signing secret"
              placeholder="https://hooks.example.com/tollgate"
              type="url"
              {...form.getInputProps(`channels.${i}.url`)}
            />
          )}
          <ActionIcon variant="default" size={36} aria-label={channel.type === 'mail' ? `Remove the mail ${channel.to.join(', ')}` : `Remove the webhook ${channel.url}`} onClick={() => form.removeListItem('channels', i)}>
            <IconTrash size={17} aria-hidden />
          </ActionIcon>
        </Group>
      ))}
      {form.errors.channels ? (
        <Text size="sm" c="red.8">
          {form.errors.channels}
        </Text>
      ) : null}
      <Group gap="xs">
        <Button variant="default" size="xs" leftSection={<IconMail size={15} aria-hidden />} onClick={() => add('mail')} disabled={channels.length >= 10}>
          Add mail
        </Button>
        <Button variant="default" size="xs" leftSection={<IconWebhook size={15} aria-hidden />} onClick={() => add('webhook')} disabled={channels.length >= 10}>
          Add a webhook
        </Button>
      </Group>
    </Stack>
  );
}
