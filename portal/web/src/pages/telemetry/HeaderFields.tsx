import { ActionIcon, Button, Group, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import type { DestinationForm } from './form';

/** Fields that go with every batch, such as a credential: written only, never shown again. */
export function HeaderFields({ form, kept }: { form: UseFormReturnType<DestinationForm>; kept: readonly string[] }) {
  const { keep, headers } = form.values;
  const add = () => form.insertListItem('headers', { name: headers.length === 0 ? 'Authorization' : '', value: '' });
  return (
    <Stack gap="sm">
      <Title order={2} size="h3">
        Header fields
      </Title>
      {keep ? (
        <>
          <Text size="sm">
            Sent with every batch: <span className="tg-mono">{kept.join(', ')}</span>. The values are kept encrypted and never shown.
          </Text>
          <Group>
            <Button variant="default" size="xs" onClick={() => form.setValues({ keep: false, headers: kept.map((name) => ({ name, value: '' })) })}>
              Set them anew
            </Button>
          </Group>
        </>
      ) : (
        <>
          <Text size="sm" c="dimmed">
            Sent with every batch, such as a credential. Values are stored encrypted and never shown again.
          </Text>
          {headers.map((_, i) => (
            <Group key={i} align="flex-start" wrap="nowrap" gap="xs">
              <TextInput style={{ flex: 2, minWidth: 0 }} label="Field" spellCheck={false} autoComplete="off" {...form.getInputProps(`headers.${i}.name`)} />
              <PasswordInput style={{ flex: 3, minWidth: 0 }} label="Value" autoComplete="off" aria-invalid={form.errors[`headers.${i}.value`] !== undefined} {...form.getInputProps(`headers.${i}.value`)} />
              <ActionIcon variant="default" size={36} mt={25} aria-label={`Remove the header field ${headers[i]?.name || i + 1}`} onClick={() => form.removeListItem('headers', i)}>
                <IconTrash size={17} aria-hidden />
              </ActionIcon>
            </Group>
          ))}
          <Group gap="xs">
            <Button variant="default" size="xs" leftSection={<IconPlus size={15} aria-hidden />} onClick={add} disabled={headers.length >= 20}>
              Add a header field
            </Button>
            {kept.length > 0 ? (
              <Button variant="default" size="xs" onClick={() => form.setValues({ keep: true, headers: [] })}>
                Keep those that there are
              </Button>
            ) : null}
          </Group>
        </>
      )}
      {form.errors.headers ? (
        <Text size="sm" c="var(--tg-bad)" role="alert">
          {form.errors.headers}
        </Text>
      ) : null}
    </Stack>
  );
}
