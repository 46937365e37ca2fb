import { ActionIcon, Button, Fieldset, Group, Stack, Text, Textarea, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import type { Schemas } from '@/api/client';
import { RemoteSelect } from '@/ui/RemoteSelect';
import { metadataFault, metadataOf, metadataText } from './metadata';

/** A consumer as its forms hold it. */
export interface ConsumerValues extends Record<string, unknown> {
  name: string;
  usage_plan: string;
  identities: Schemas['ConsumerIdentity'][];
  metadata: string;
}

export function consumerValues(consumer?: Schemas['Consumer']): ConsumerValues {
  return {
    name: consumer?.name ?? '',
    usage_plan: consumer?.usage_plan ?? '',
    identities: consumer?.identities ?? [],
    metadata: metadataText(consumer?.metadata),
  };
}

export function consumerBody(values: ConsumerValues): Schemas['ConsumerInput'] {
  return {
    name: values.name,
    usage_plan: values.usage_plan || undefined,
    identities: values.identities.length > 0 ? values.identities : undefined,
    metadata: metadataOf(values.metadata),
  };
}

/** What the page itself can say of a field. */
export const consumerChecks = { metadata: metadataFault };

/** The fields of a consumer besides its name. */
export function ConsumerFields({ gateway, form }: { gateway: string; form: UseFormReturnType<ConsumerValues> }) {
  return (
    <>
      <RemoteSelect
        gateway={gateway}
        kind="usage-plans"
        label="Usage plan"
        description="Its rate, quota and concurrency; without one only the limits of routes hold"
        placeholder="None"
        clearable
        {...form.getInputProps('usage_plan')}
      />
      <Identities form={form} />
      <Textarea
        label="Metadata"
        description="A JSON object with whatever helps you to recognise it, at most 16 KiB"
        placeholder='{"customer": 4711}'
        autosize
        minRows={2}
        maxRows={12}
        spellCheck={false}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        {...form.getInputProps('metadata')}
      />
    </>
  );
}

function Identities({ form }: { form: UseFormReturnType<ConsumerValues> }) {
  const { identities } = form.getValues();
  return (
    <Fieldset legend="Identities" p="md">
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          Callers with a JWT of one of these are this consumer, and its usage plan holds for them. Routes check the token with the policy jwt.
        </Text>
        {identities.map((_, i) => (
          <Group key={i} gap="xs" align="flex-start" wrap="nowrap">
            <Stack gap="xs" flex={1} miw={0}>
              <TextInput label="Issuer" placeholder="https://login.example.com/" autoComplete="off" spellCheck={false} {...form.getInputProps(`identities.${i}.issuer`)} />
              <TextInput label="Subject" placeholder="The token’s sub" autoComplete="off" spellCheck={false} {...form.getInputProps(`identities.${i}.subject`)} />
            </Stack>
            <ActionIcon variant="default" size="lg" mt={25} aria-label={`Remove identity ${i + 1}`} onClick={() => form.removeListItem('identities', i)}>
              <IconTrash size={16} aria-hidden />
            </ActionIcon>
          </Group>
        ))}
        {identities.length < 20 ? (
          <Group>
            <Button variant="default" size="compact-md" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => form.insertListItem('identities', { issuer: '', subject: '' })}>
              Add an identity
            </Button>
          </Group>
        ) : null}
      </Stack>
    </Fieldset>
  );
}
