import { Alert, Button, Menu, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { IconBuilding, IconCheck, IconPlus, IconSelector } from '@tabler/icons-react';
import { api } from '@/api/client';
import { useOrganizationId } from '@/api/organization';
import { refresh } from '@/api/queries';
import { switchOrganization, useMe } from '@/api/session';
import { ProblemNote } from '@/ui/ProblemNote';
import { useApiForm } from '@/ui/useApiForm';

/** Shows and changes the organization that everything is looked at for. */
export function OrganizationSwitch() {
  const me = useMe();
  const id = useOrganizationId();
  const navigate = useNavigate();
  const [making, dialog] = useDisclosure(false);
  const current = me?.organizations.find((m) => m.organization.id === id);
  const go = (organization: string) => {
    switchOrganization(organization);
    void navigate({ to: '/gateways' });
  };
  return (
    <>
      <Menu width={240} position="bottom-start">
        <Menu.Target>
          <Button
            variant="default"
            justify="space-between"
            fullWidth
            rightSection={<IconSelector size={16} aria-hidden />}
            leftSection={<IconBuilding size={16} aria-hidden />}
            aria-label={`Organization: ${current?.organization.name ?? 'No organization'}. Change it`}
            styles={{ label: { flex: 1, textAlign: 'left' } }}
          >
            {current?.organization.name ?? 'No organization'}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Organizations</Menu.Label>
          {me?.organizations.map((m) => (
            <Menu.Item
              key={m.organization.id}
              onClick={() => go(m.organization.id)}
              rightSection={m.organization.id === id ? <IconCheck size={16} aria-label="chosen" /> : null}
            >
              {m.organization.name}
              <Text size="xs" c="dimmed">
                You are {m.role}
                {m.organization.suspended ? ', and it is suspended' : ''}
              </Text>
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item leftSection={<IconPlus size={16} aria-hidden />} onClick={dialog.open}>
            New organization
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <NewOrganization opened={making} onClose={dialog.close} onMade={go} />
    </>
  );
}

interface NewOrganizationProps {
  opened: boolean;
  onClose: () => void;
  onMade: (id: string) => void;
}

/** The organization that keeps its owner from making another one. */
function stoppedBy(me: ReturnType<typeof useMe>): string | undefined {
  return me?.organizations.find((m) => m.role === 'owner' && m.organization.suspended)?.organization.name;
}

function NewOrganization({ opened, onClose, onMade }: NewOrganizationProps) {
  const stopped = stoppedBy(useMe());
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '' },
    save: async (body) => {
      const { data } = await api.POST('/v1/organizations', { body });
      await refresh('/v1/me');
      onClose();
      if (data) onMade(data.id);
    },
  });
  return (
    <Modal opened={opened} onClose={onClose} title="New organization">
      {stopped === undefined ? null : (
        <Alert color="red" variant="light" mb="md" title={`${stopped} is suspended`}>
          You own it. Until that has ended you can’t make another organization. The banner of {stopped} says why, and what to do.
        </Alert>
      )}
      <form onSubmit={submit} noValidate>
        <Stack>
          <TextInput label="Name" description="Your company or team. You will be its owner." data-autofocus disabled={stopped !== undefined} {...form.getInputProps('name')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <Button type="submit" loading={busy} disabled={stopped !== undefined}>
            Make the organization
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
