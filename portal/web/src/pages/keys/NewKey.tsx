import { Button, Group, Modal, Stack } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { ProblemNote, useApiForm } from '@/ui';
import { RemoteSelect } from '@/ui/RemoteSelect';
import { keyBody, KeyFields, keyValues } from './KeyFields';
import { SavedKey } from './SavedKey';

export interface NewKeyProps {
  gateway: string;
  /** The consumer it is for; chosen in the form where none is given. */
  consumer?: string;
  opened: boolean;
  onClose: () => void;
}

/** Issues a key in a dialog, and shows it once. It does not close by chance while the key is shown. */
export function NewKey({ gateway, consumer, opened, onClose }: NewKeyProps) {
  const [made, setMade] = useState<Schemas['NewKey']>();
  const close = () => {
    setMade(undefined);
    onClose();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={made ? `The key of ${made.consumer}` : consumer ? `Issue a key for ${consumer}` : 'Issue a key'}
      size="lg"
      closeOnEscape={!made}
      closeOnClickOutside={false}
      withCloseButton={!made}
    >
      {made ? <SavedKey made={made} onClose={close} /> : opened ? <Form gateway={gateway} consumer={consumer} onMade={setMade} onClose={close} /> : null}
    </Modal>
  );
}

interface FormProps {
  gateway: string;
  consumer?: string;
  onMade: (key: Schemas['NewKey']) => void;
  onClose: () => void;
}

function Form({ gateway, consumer, onMade, onClose }: FormProps) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { consumer: consumer ?? '', ...keyValues() },
    validate: { consumer: (name) => (name === '' ? 'Choose the consumer that will use the key.' : null) },
    save: async (values) => {
      const { data } = await api.POST('/v1/gateways/{gateway}/keys', {
        params: { path: { gateway } },
        body: { ...keyBody(values), consumer: values.consumer },
      });
      if (data) onMade(data);
      await refresh('/v1/gateways/{gateway}/keys', '/v1/gateways/{gateway}/consumers');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {consumer ? null : (
          <RemoteSelect gateway={gateway} kind="consumers" label="Consumer" description="Who calls with it" withAsterisk data-autofocus {...form.getInputProps('consumer')} />
        )}
        <KeyFields gateway={gateway} form={form} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Issue the key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
