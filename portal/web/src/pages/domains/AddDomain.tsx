import { Button, Group, Modal, Stack, Switch, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { ProblemNote, useApiForm } from '@/ui';
import { hostMistake } from './words';

export interface AddDomainProps {
  gateway: string;
  opened: boolean;
  onClose: () => void;
}

/** Asks for a host; its page then shows the records to set. */
export function AddDomain({ opened, ...rest }: AddDomainProps) {
  return (
    <Modal opened={opened} onClose={rest.onClose} title="Add a domain">
      {opened ? <AddForm {...rest} /> : null}
    </Modal>
  );
}

function AddForm({ gateway, onClose }: Omit<AddDomainProps, 'opened'>) {
  const navigate = useNavigate();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { host: '', automatic: true },
    validate: { host: hostMistake },
    save: async ({ host, automatic }) => {
      const { data } = await api.PUT('/v1/gateways/{gateway}/domains/{host}', {
        params: { path: { gateway, host: host.trim() } },
        body: { certificate: automatic ? 'automatic' : 'uploaded' },
      });
      await refresh('/v1/gateways/{gateway}/domains');
      onClose();
      if (data) await navigate({ to: '/gateways/$gw/domains/$host', params: { gw: gateway, host: data.host } });
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <TextInput
          label="Host"
          description="Such as api.example.com; *.example.com stands for every name with one more label. Names in other scripts are written as browsers send them (xn--…)."
          placeholder="api.example.com"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          inputMode="url"
          classNames={{ input: 'tg-mono' }}
          withAsterisk
          data-autofocus
          {...form.getInputProps('host')}
        />
        <Switch
          label="Have a certificate issued and renewed by itself"
          description="Off: you upload one under Certificates."
          {...form.getInputProps('automatic', { type: 'checkbox' })}
        />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Add the domain
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
