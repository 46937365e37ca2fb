import { Anchor, Button, Code, Group, List, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { $api, api, type Schemas } from '@/api/client';
import { CopyIcon, ProblemNote, StateDot, useApiForm } from '@/ui';
import { milliseconds } from '@/ui/format';
import { curlLine, samplePath } from './curl';

export interface RequestStepProps {
  gateway: Schemas['Gateway'];
  /** The key that was just issued; asked for where it is not known any more. */
  secret: string | undefined;
  /** The route asks for no key. */
  open: boolean;
  /** The route's path pattern. */
  path: string;
  onAnswered: () => void;
}

/** Sends a real request through an edge and shows what came back. */
export function RequestStep({ gateway, secret, open, path, onAnswered }: RequestStepProps) {
  const { data: installation } = $api.useQuery('get', '/v1/installation', undefined, { staleTime: Infinity });
  const [answer, setAnswer] = useState<Schemas['TestAnswer']>();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { path: samplePath(path), key: secret ?? '' },
    save: async (values) => {
      const params = { path: { gateway: gateway.name } };
      // The newest version is on its way to the edges still, a few milliseconds perhaps.
      await api.GET('/v1/gateways/{gateway}/live', { params: { ...params, query: { wait: '5s' } } });
      const headers = values.key ? { 'X-API-Key': [values.key] } : undefined;
      const { data } = await api.POST('/v1/gateways/{gateway}/requests', { params, body: { path: values.path, headers } });
      setAnswer(data);
      if (data && data.status < 400) onAnswered();
    },
  });
  const { path: chosen, key } = form.getValues();
  const curl = curlLine(gateway.url, chosen, open ? undefined : key || '<key>');
  return (
    <Stack gap="md" maw="40rem">
      <form onSubmit={submit} noValidate>
        <Stack gap="md">
          <Text>{installation?.test_requests === false ? 'Send it from a terminal:' : 'Send it from here, through an edge, or from a terminal:'}</Text>
          <Group gap={4} align="center" wrap="nowrap">
            <Code block tabIndex={0} style={{ flex: 1, minWidth: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
              {curl}
            </Code>
            <CopyIcon text={curl} label="command" />
          </Group>
          {installation?.test_requests === false ? null : (
            <>
              <TextInput label="Path" spellCheck={false} autoComplete="off" {...form.getInputProps('path')} />
              {open || secret ? null : <PasswordInput label="API key" autoComplete="off" {...form.getInputProps('key')} />}
              <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
              <Group>
                <Button type="submit" loading={busy} variant={answer && answer.status < 400 ? 'default' : 'filled'}>
                  {answer ? 'Send it again' : 'Send the request'}
                </Button>
              </Group>
            </>
          )}
        </Stack>
      </form>
      {answer ? <Answer gateway={gateway.name} answer={answer} /> : null}
    </Stack>
  );
}

function Answer({ gateway, answer }: { gateway: string; answer: Schemas['TestAnswer'] }) {
  const good = answer.status < 400;
  return (
    <Stack gap="sm" role="status">
      <Group gap="xs">
        <StateDot state={good ? 'good' : 'bad'} />
        <Text fw={600}>
          Answered with {answer.status} after {milliseconds(answer.total_ms)}
        </Text>
        {answer.request_id ? (
          <Anchor underline="always" renderRoot={(props) => <Link to="/gateways/$gw/requests/$id" params={{ gw: gateway, id: answer.request_id ?? '' }} {...props} />}>
            Explain it
          </Anchor>
        ) : null}
      </Group>
      {answer.body ? (
        <Code block mah={220} tabIndex={0} style={{ overflow: 'auto' }} aria-label="Body of the answer">
          {answer.body.slice(0, 4000)}
        </Code>
      ) : null}
      {good ? (
        <div>
          <Title order={3} mb={4}>
            That is it. What next?
          </Title>
          <List spacing={4}>
            <List.Item>
              <Link to="/gateways/$gw/logs" params={{ gw: gateway }}>
                See the request in the log
              </Link>{' '}
              and <Link to="/gateways/$gw/analytics" params={{ gw: gateway }}>on the chart</Link>
            </List.Item>
            <List.Item>
              <Link to="/gateways/$gw/usage-plans" params={{ gw: gateway }}>
                Make a usage plan
              </Link>{' '}
              with a rate and a quota for your consumers
            </List.Item>
            <List.Item>
              <Link to="/gateways/$gw/routes" params={{ gw: gateway }}>
                Add routes and policies
              </Link>
            </List.Item>
            <List.Item>
              <Link to="/organization/members">Invite your colleagues</Link>
            </List.Item>
          </List>
        </div>
      ) : (
        <Text>It did not work. Explain says which step refused it, and why.</Text>
      )}
    </Stack>
  );
}
