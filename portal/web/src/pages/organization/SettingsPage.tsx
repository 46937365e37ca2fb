import { Button, Group, List, Modal, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { $api, api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { CopyText, done, failed, FormSkeleton, Loaded, PageHeader, ProblemNote, useApiForm } from '@/ui';
import { download } from '@/ui/download';
import { Facts } from '@/ui/Facts';
import { dateTime } from '@/ui/format';
import { noProof, proofOf, ProofFields } from '../account/ProofFields';
import { Section } from '../account/Section';

type Organization = Schemas['Organization'];

export default function SettingsPage() {
  const query = $api.useQuery('get', '/v1/organization');
  const mayWrite = useMay('organization:write');
  const mayExport = useMay('organization:export');
  const mayDelete = useMay('organization:delete');
  return (
    <>
      <PageHeader title="Settings" description="The organization itself." />
      <Loaded query={query} skeleton={<FormSkeleton />}>
        {(organization) => (
          <>
            <Section title="About">
              <Facts
                facts={[
                  ['Name', mayWrite ? undefined : organization.name],
                  ['Id', <CopyText key="i" text={organization.id} label="id" />],
                  ['Since', dateTime(organization.created_at)],
                ]}
              />
              {mayWrite ? <Edit organization={organization} key={organization.updated_at} /> : null}
            </Section>
            {mayExport ? <Export organization={organization} /> : null}
            {mayDelete ? <Delete organization={organization} /> : null}
          </>
        )}
      </Loaded>
    </>
  );
}

function Edit({ organization }: { organization: Organization }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: organization.name, freshness: organization.freshness },
    save: async (body) => {
      await api.PATCH('/v1/organization', { params: { header: { 'If-Match': etagOf(organization) } }, body });
      await refresh('/v1/organization', '/v1/me');
      done('The organization is saved.');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack mt="lg">
        <TextInput label="Name" autoComplete="off" maw="26rem" {...form.getInputProps('name')} />
        <Radio.Group label="When an edge is cut off from the control plane" {...form.getInputProps('freshness')}>
          <Stack gap="sm" mt={6}>
            <Radio value="available" label="It goes on serving" description="With what it knew last. A key that is revoked meanwhile may still be served there." />
            <Radio value="strict" label="It refuses after 30 seconds" description="No revoked key is ever served longer, at the price of an outage while it is cut off." />
          </Stack>
        </Radio.Group>
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group>
          <Button type="submit" loading={busy} disabled={!form.isDirty()}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Export({ organization }: { organization: Organization }) {
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      const { data } = await api.GET('/v1/organization/export', { parseAs: 'blob' });
      if (data) download(`${organization.name}.json`, data as unknown as Blob);
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Section
      title="Export"
      text="Everything that is kept of the organization, as one JSON file: members, gateways with their configuration, consumers, keys, usage by day and the audit log. Without secrets."
    >
      <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />} loading={busy} onClick={() => void save()}>
        Export the organization
      </Button>
    </Section>
  );
}

function Delete({ organization }: { organization: Organization }) {
  const [opened, dialog] = useDisclosure(false);
  return (
    <Section title="Delete the organization" text="For good: nobody can bring it back.">
      {organization.suspended ? (
        <Text>Until its suspension has ended it can’t be deleted.</Text>
      ) : (
        <Button variant="default" c="var(--tg-bad)" onClick={dialog.open}>
          Delete the organization
        </Button>
      )}
      <Modal opened={opened} onClose={dialog.close} title={`Delete ${organization.name}?`}>
        {opened ? <Confirm organization={organization} onClose={dialog.close} /> : null}
      </Modal>
    </Section>
  );
}

function Confirm({ organization, onClose }: { organization: Organization; onClose: () => void }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '', ...noProof },
    save: async (values) => {
      await api.POST('/v1/organization/delete', { body: { name: values.name, ...proofOf(values) } });
      // Nothing that is loaded holds any longer.
      window.location.assign('/gateways');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <List spacing={4}>
          <List.Item>All of its gateways stop answering at once.</List.Item>
          <List.Item>API keys and management tokens stop working, and every member loses it.</List.Item>
          <List.Item>What was billed stays on record.</List.Item>
        </List>
        <TextInput
          label={
            <>
              Type <span className="tg-mono">{organization.name}</span> to confirm
            </>
          }
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          {...form.getInputProps('name')}
        />
        <ProofFields form={form} />
        {problem?.status === 409 ? <Text role="alert">{problem.detail}</Text> : null}
        <ProblemNote problem={problem?.status === 409 || (problem?.errors && rest.length === 0) ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" color="red.8" loading={busy} disabled={form.getValues().name !== organization.name}>
            Delete the organization
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
