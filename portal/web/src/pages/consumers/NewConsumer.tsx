import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { ProblemNote, useApiForm } from '@/ui';
import { consumerBody, consumerChecks, ConsumerFields, consumerValues } from './ConsumerFields';

export interface NewConsumerProps {
  gateway: string;
  opened: boolean;
  onClose: () => void;
}

/** Makes a consumer, then shows its page, where it gets its first key. */
export function NewConsumer({ gateway, opened, onClose }: NewConsumerProps) {
  return (
    <Modal opened={opened} onClose={onClose} title="New consumer" size="lg" closeOnClickOutside={false}>
      {opened ? <Form gateway={gateway} onClose={onClose} /> : null}
    </Modal>
  );
}

function Form({ gateway, onClose }: Omit<NewConsumerProps, 'opened'>) {
  const navigate = useNavigate();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: consumerValues(),
    validate: consumerChecks,
    save: async (values) => {
      const { data } = await api.POST('/v1/gateways/{gateway}/consumers', { params: { path: { gateway } }, body: consumerBody(values) });
      await refresh('/v1/gateways/{gateway}/consumers');
      await navigate({ to: '/gateways/$gw/consumers/$name', params: { gw: gateway, name: data?.name ?? values.name }, search: { tab: 'keys' } });
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput
          label="Name"
          description="Letters, digits, dots, underscores and hyphens. It can’t be changed later."
          placeholder="mobile-app"
          autoComplete="off"
          spellCheck={false}
          withAsterisk
          data-autofocus
          {...form.getInputProps('name')}
        />
        <ConsumerFields gateway={gateway} form={form} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Make the consumer
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
