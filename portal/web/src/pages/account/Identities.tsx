import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { $api, api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import type { Me } from '@/api/session';
import { ConfirmDanger, done, Loaded, PanelSkeleton, ProblemNote, Time, useApiForm } from '@/ui';
import { noProof, proofOf, ProofFields } from './ProofFields';
import { Section } from './Section';

/** Accounts at sign-in providers: those linked, and those that can be. */
export function Identities({ me }: { me: Me }) {
  const providers = $api.useQuery('get', '/v1/login/providers', undefined, { staleTime: 600_000 });
  const identities = $api.useQuery('get', '/v1/identities');
  const [linking, setLinking] = useState<Schemas['LoginProvider']>();
  const [leaving, setLeaving] = useState<Schemas['Identity']>();
  const none = identities.data?.items.length === 0 && providers.data?.items.length === 0;
  if (none) return null;
  const others = providers.data?.items.filter((p) => !identities.data?.items.some((i) => i.provider === p.name)) ?? [];
  return (
    <Section title="Linked accounts" text="Sign in with an account that you have elsewhere.">
      <Loaded query={identities} skeleton={<PanelSkeleton lines={2} />}>
        {({ items }) => (
          <Stack gap="sm">
            {items.map((identity) => (
              <Group key={identity.id} justify="space-between" gap="xs">
                <div>
                  <Text fw={550}>{identity.title}</Text>
                  <Text size="sm" c="dimmed">
                    {identity.email}, last used <Time at={identity.updated_at} />
                  </Text>
                </div>
                <Button variant="default" onClick={() => setLeaving(identity)}>
                  Unlink {identity.title}
                </Button>
              </Group>
            ))}
            <Group gap="xs">
              {others.map((provider) => (
                <Button key={provider.name} variant="default" onClick={() => setLinking(provider)}>
                  Link {provider.title}
                </Button>
              ))}
            </Group>
          </Stack>
        )}
      </Loaded>
      <Modal opened={linking !== undefined} onClose={() => setLinking(undefined)} title={`Link ${linking?.title ?? ''}?`}>
        {linking ? <Link provider={linking} proved={!me.user.has_password && !me.user.second_factor} /> : null}
      </Modal>
      <ConfirmDanger
        opened={leaving !== undefined}
        onClose={() => setLeaving(undefined)}
        title={`Unlink ${leaving?.title ?? ''}?`}
        consequences={[`${leaving?.title ?? 'It'} no longer signs you in.`, 'You can link it again at any time.']}
        action="Unlink"
        onConfirm={async () => {
          await api.DELETE('/v1/identities/{identity}', { params: { path: { identity: leaving?.id ?? '' } } });
          await refresh('/v1/identities');
          done('It is unlinked.');
        }}
      />
    </Section>
  );
}

function Link({ provider, proved }: { provider: Schemas['LoginProvider']; proved: boolean }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: noProof,
    save: async (values) => {
      const { data } = await api.POST('/v1/identities', { body: { provider: provider.name, return_to: '/account/security', ...proofOf(values) } });
      if (data) window.location.assign(data.url);
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Text>
          {proved ? '' : 'First show that it is you. '}You are then sent to {provider.title} and back.
        </Text>
        <ProofFields form={form} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end">
          <Button type="submit" loading={busy}>
            Go to {provider.title}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
