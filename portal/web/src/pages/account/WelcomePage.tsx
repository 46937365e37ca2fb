import { Button, Stack, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { switchOrganization } from '@/api/session';
import { PageHeader, ProblemNote, useApiForm } from '@/ui';

/** For who signed up by a provider and belongs to no organization yet. */
export default function WelcomePage() {
  const navigate = useNavigate();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: '' },
    save: async (body) => {
      const { data } = await api.POST('/v1/organizations', { body });
      await refresh('/v1/me');
      if (data) switchOrganization(data.id);
      await navigate({ to: '/guide' });
    },
  });
  return (
    <>
      <PageHeader title="Welcome to Tollgate" description="Gateways belong to an organization: your company, team or project. Name yours to begin." />
      <form onSubmit={submit} noValidate>
        <Stack maw="26rem">
          <TextInput label="Name of the organization" autoComplete="organization" {...form.getInputProps('name')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <div>
            <Button type="submit" loading={busy}>
              Make the organization
            </Button>
          </div>
        </Stack>
      </form>
    </>
  );
}
