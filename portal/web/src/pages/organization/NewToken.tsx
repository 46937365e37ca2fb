import { Button, Checkbox, Fieldset, Group, Modal, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { grants } from '@/api/grants';
import { refresh } from '@/api/queries';
import { useMembership } from '@/api/session';
import { CopyOnce, ProblemNote, useApiForm } from '@/ui';
import { ExpiryField } from '../keys/ExpiryField';
import { everything, offered, readOnly } from './scopes';

/** Makes a management token in a dialog, and shows it once. */
export function NewToken({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [made, setMade] = useState<Schemas['NewToken']>();
  const [saved, setSaved] = useState(false);
  const close = () => {
    setMade(undefined);
    setSaved(false);
    onClose();
  };
  return (
    <Modal opened={opened} onClose={close} title={made ? made.name : 'New management token'} size="lg" closeOnEscape={!made} closeOnClickOutside={false} withCloseButton={!made}>
      {made ? (
        <Stack>
          <CopyOnce what="management token" secret={made.token} />
          <Text size="sm">
            The command line and Terraform read it from <span className="tg-mono">TOLLGATE_API_TOKEN</span>.
          </Text>
          {made.token ? <Checkbox label="I saved it" checked={saved} onChange={(event) => setSaved(event.currentTarget.checked)} /> : null}
          <Group justify="flex-end">
            <Button onClick={close} disabled={made.token !== undefined && !saved}>
              Done
            </Button>
          </Group>
        </Stack>
      ) : opened ? (
        <Form onMade={setMade} onClose={close} />
      ) : null}
    </Modal>
  );
}

type Kind = 'all' | 'read' | 'some';

function Form({ onMade, onClose }: { onMade: (token: Schemas['NewToken']) => void; onClose: () => void }) {
  const role = useMembership()?.role ?? 'viewer';
  const held = grants[role];
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '', expires_at: '', kind: 'read' as Kind, scopes: [] as string[] },
    validate: { scopes: (scopes, { kind }) => (kind === 'some' && scopes.length === 0 ? 'Choose at least one permission.' : null) },
    save: async ({ name, expires_at: expires, kind, scopes }) => {
      const chosen = kind === 'all' ? [everything] : kind === 'read' ? readOnly(held) : scopes;
      const { data } = await api.POST('/v1/tokens', { body: { name, scopes: chosen, expires_at: expires || undefined } });
      if (data) onMade(data);
      await refresh('/v1/tokens');
    },
  });
  const { kind } = form.getValues();
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput label="Name" description="Where it will be used, such as “deployment”" autoComplete="off" withAsterisk data-autofocus {...form.getInputProps('name')} />
        <ExpiryField {...form.getInputProps('expires_at')} />
        <Radio.Group label="It may" {...form.getInputProps('kind')}>
          <Stack gap={8} mt={6}>
            <Radio value="read" label="Look at everything that you may see" />
            <Radio value="all" label="Do everything that you may do, now and later" />
            <Radio value="some" label="Do only what you choose" />
          </Stack>
        </Radio.Group>
        {kind === 'some' ? (
          <Checkbox.Group aria-label="Permissions" {...form.getInputProps('scopes')}>
            <Stack gap="sm">
              {offered(held).map((group) => (
                <Fieldset key={group.title} legend={group.title} p="sm">
                  <Stack gap={8}>
                    {group.permissions.map((p) => (
                      <Checkbox key={p.name} value={p.name} label={p.text} description={<span className="tg-mono">{p.name}</span>} />
                    ))}
                  </Stack>
                </Fieldset>
              ))}
            </Stack>
          </Checkbox.Group>
        ) : null}
        <Text size="sm" c="dimmed">
          A token never can do more than you: it is cut down when your role changes, and ends when you leave.
        </Text>
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Make the token
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
