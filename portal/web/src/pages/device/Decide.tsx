import { Alert, Button, Group, Paper, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { grants } from '@/api/grants';
import { asProblem, type Problem } from '@/api/problem';
import { refresh } from '@/api/queries';
import { useMembership } from '@/api/session';
import { ProblemNote, Time, useApiForm } from '@/ui';
import { Facts } from '@/ui/Facts';
import { Panel } from '@/ui/Panel';
import { expiryOf } from '../keys/expiry';
import { GrantFields } from '../organization/GrantFields';
import { chosenScopes, type Kind, needsScopes } from '../organization/scopes';

const ends = [
  { value: '1', label: 'In a day' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
];

/** Shows who asks, and lets it in or not. Nothing is decided without one of the buttons. */
export function Decide({ asked, onDone }: { asked: Schemas['DeviceLogin']; onDone: (decision: 'allow' | 'deny') => void }) {
  const membership = useMembership();
  const held = grants[membership?.role ?? 'viewer'];
  const path = { user_code: asked.user_code };
  const [denying, setDenying] = useState(false);
  const [refused, setRefused] = useState<Problem>();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { kind: 'all' as Kind, scopes: [] as string[], expires_at: '90' },
    validate: { scopes: needsScopes },
    save: async ({ kind, scopes, expires_at: days }) => {
      setRefused(undefined);
      await api.POST('/v1/login/device/{user_code}', { params: { path }, body: { decision: 'allow', scopes: chosenScopes(kind, scopes, held), expires_at: expiryOf(days) } });
      onDone('allow');
      await refresh('/v1/tokens');
    },
  });
  const deny = async () => {
    setDenying(true);
    try {
      await api.POST('/v1/login/device/{user_code}', { params: { path }, body: { decision: 'deny' } });
      onDone('deny');
    } catch (error) {
      setRefused(asProblem(error));
      setDenying(false);
    }
  };
  const { kind } = form.getValues();
  const shown = refused ?? problem;
  return (
    <>
      <Alert color="amber" title="Allow only what you began yourself" mb="lg" maw="44rem">
        Compare the code with the one in your terminal. If somebody sent you the code or this page’s address, deny it: whoever it is would get in as you.
      </Alert>
      <Panel title="Who asks">
        <Paper p="md" maw="44rem">
          <Facts
            facts={[
              ['Code', <strong className="tg-mono">{asked.user_code}</strong>],
              ['Command line on', asked.host],
              ['Address', <span className="tg-mono">{asked.client}</span>],
              ['Began', <Time at={asked.created_at} />],
            ]}
          />
        </Paper>
      </Panel>
      <Panel title="What it gets" text={`A management token of ${membership?.organization.name ?? 'your organization'}. It never can do more than you, and ends when you leave.`}>
        <form onSubmit={submit} noValidate>
          <Stack maw="44rem">
            <GrantFields held={held} kind={kind} kindProps={form.getInputProps('kind')} scopesProps={form.getInputProps('scopes')} />
            <Select label="It ends" data={ends} allowDeselect={false} maw="16rem" {...form.getInputProps('expires_at')} />
            <Text size="sm" c="dimmed">
              Its name will be “{asked.name}”.
            </Text>
            <ProblemNote problem={shown?.errors && rest.length === 0 && !refused ? undefined : shown} rest={refused ? [] : rest} />
            <Group gap="xs">
              <Button type="submit" loading={busy} disabled={denying}>
                Allow
              </Button>
              <Button variant="default" loading={denying} disabled={busy} onClick={() => void deny()}>
                Deny
              </Button>
            </Group>
          </Stack>
        </form>
      </Panel>
    </>
  );
}
