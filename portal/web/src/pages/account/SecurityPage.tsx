import { Alert, Badge, Button, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { $api, api } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMe, type Me } from '@/api/session';
import { ago } from '@/ui/format';
import { done, FormSkeleton, Loaded, PageHeader, PanelSkeleton, ProblemNote, useApiForm, useSearchParams } from '@/ui';
import { Identities } from './Identities';
import { noProof, proofOf, ProofFields } from './ProofFields';
import { SecondFactorSettings } from './SecondFactorSettings';
import { Section } from './Section';

export default function SecurityPage() {
  const me = useMe();
  const [search] = useSearchParams();
  const totp = $api.useQuery('get', '/v1/totp');
  return (
    <>
      <PageHeader title="Sign-in and security" description="How you show that it is you." />
      {search.linked ? (
        <Alert color="green" mb="lg" maw="46rem" role="status">
          Your account at {search.linked} is linked: you can sign in with it now.
        </Alert>
      ) : null}
      {me ? (
        <>
          <Section title="Password" text={me.user.has_password ? 'Changing it ends your other sessions.' : 'You sign in by a provider so far. With a password you can do without it.'}>
            <PasswordForm me={me} />
          </Section>
          <Section title="Second factor" text="Besides the password, a code of an authenticator app. It keeps others out who know the password.">
            <Loaded query={totp} skeleton={<PanelSkeleton lines={2} />}>
              {(state) => (
                <Stack gap="sm">
                  <Group gap="xs">
                    <Badge variant="light" tt="none" color={state.enabled ? 'green' : 'gray'}>
                      {state.enabled ? 'On' : 'Off'}
                    </Badge>
                    {state.enabled ? (
                      <Text size="sm" c="dimmed">
                        {state.enabled_at ? `since ${ago(state.enabled_at)}, ` : ''}
                        {state.recovery_codes_left} recovery {state.recovery_codes_left === 1 ? 'code' : 'codes'} left
                      </Text>
                    ) : null}
                  </Group>
                  <SecondFactorSettings enabled={state.enabled} />
                </Stack>
              )}
            </Loaded>
          </Section>
          <Identities me={me} />
        </>
      ) : (
        <FormSkeleton fields={3} />
      )}
    </>
  );
}

function PasswordForm({ me }: { me: Me }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { ...noProof, password: '' },
    save: async (values) => {
      const proof = proofOf(values);
      // The code is asked for only where there is no password yet.
      await api.PUT('/v1/password', { body: { password: values.password, current_password: proof.current_password, code: me.user.has_password ? undefined : proof.code } });
      form.reset();
      await refresh('/v1/me', '/v1/sessions');
      done('The new password is set; your other sessions have ended.');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {me.user.has_password ? (
          <PasswordInput label="Present password" autoComplete="current-password" {...form.getInputProps('current_password')} />
        ) : (
          <ProofFields form={form} />
        )}
        <PasswordInput label="New password" description="At least 10 characters" autoComplete="new-password" {...form.getInputProps('password')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group>
          <Button type="submit" loading={busy}>
            {me.user.has_password ? 'Change the password' : 'Set a password'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
