import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api } from '@/api/client';
import { Problem } from '@/api/problem';
import { refresh } from '@/api/queries';
import { CopyOnce, ProblemNote, useApiForm } from '@/ui';

export interface KeyStepProps {
  gateway: string;
  onIssued: (secret: string) => void;
}

/** Makes the first consumer and its key, and shows the key once. */
export function KeyStep({ gateway, onIssued }: KeyStepProps) {
  const [secret, setSecret] = useState<string>();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { consumer: '' },
    rename: { '/name': 'consumer' },
    save: async ({ consumer }) => {
      const path = { gateway };
      try {
        await api.POST('/v1/gateways/{gateway}/consumers', { params: { path }, body: { name: consumer } });
      } catch (error) {
        // It is there already: the key is for that one.
        if (!(error instanceof Problem) || error.code !== 'name_taken') throw error;
      }
      const { data } = await api.POST('/v1/gateways/{gateway}/keys', { params: { path }, body: { consumer } });
      setSecret(data?.key ?? '');
    },
  });
  if (secret !== undefined) {
    return (
      <Stack>
        <CopyOnce what="API key" secret={secret} lost="Rotate it on its page to get another one." />
        <Group>
          <Button
            onClick={() => {
              onIssued(secret);
              void refresh('/v1/gateways/{gateway}');
            }}
          >
            Go on
          </Button>
        </Group>
      </Stack>
    );
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw="30rem">
        <Text>A key belongs to a consumer: whoever calls your API, such as an app, a customer or yourself.</Text>
        <TextInput label="Consumer" placeholder="mobile-app" autoComplete="off" spellCheck={false} {...form.getInputProps('consumer')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group>
          <Button type="submit" loading={busy}>
            Issue the key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
