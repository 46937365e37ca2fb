import { Button, Group, Modal, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { ProblemNote, useApiForm } from '@/ui';
import { ExpiryField } from './ExpiryField';
import { SavedKey } from './SavedKey';

const overlaps = [
  { value: '0', label: 'End at once' },
  { value: '1h', label: 'Work for another hour' },
  { value: '24h', label: 'Work for another day' },
  { value: '168h', label: 'Work for another week' },
  { value: '720h', label: 'Work for another 30 days' },
];

export interface RotateKeyProps {
  gateway: string;
  id: string;
  opened: boolean;
  onClose: () => void;
}

/** Issues a successor of a key, which goes on working for a while. */
export function RotateKey({ gateway, id, opened, onClose }: RotateKeyProps) {
  const [made, setMade] = useState<Schemas['NewKey']>();
  const close = () => {
    setMade(undefined);
    onClose();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={made ? 'The new key' : 'Rotate the key'}
      size="lg"
      closeOnEscape={!made}
      closeOnClickOutside={false}
      withCloseButton={!made}
    >
      {made ? <SavedKey made={made} onClose={close} /> : opened ? <Form gateway={gateway} id={id} onMade={setMade} onClose={close} /> : null}
    </Modal>
  );
}

function Form({ gateway, id, onMade, onClose }: Omit<RotateKeyProps, 'opened'> & { onMade: (key: Schemas['NewKey']) => void }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { overlap: '24h', expires_at: '' },
    save: async ({ overlap, expires_at: expires }) => {
      const { data } = await api.POST('/v1/gateways/{gateway}/keys/{key}/rotate', {
        params: { path: { gateway, key: id } },
        body: { overlap, expires_at: expires || undefined },
      });
      if (data) onMade(data);
      await refresh('/v1/gateways/{gateway}/keys');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Text>A new key with the same scopes, usage plan and limits takes the place of this one.</Text>
        <Select label="Until the new key is in use, the old one shall" data={overlaps} allowDeselect={false} data-autofocus {...form.getInputProps('overlap')} />
        <ExpiryField label="The new key expires" {...form.getInputProps('expires_at')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Rotate the key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
