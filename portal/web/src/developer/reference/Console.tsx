import { Badge, Button, Code, Group, PasswordInput, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import type { Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { CopyIcon } from '@/ui/CopyText';
import { milliseconds } from '@/ui/format';
import { ProblemNote } from '@/ui/ProblemNote';
import { api, here } from '../client';
import { hrefOf, To } from '../links';
import { useDeveloper, useInfo } from '../session';
import type { Operation, Scheme } from './openapi';
import { curl, fieldOf, prepare, type Typed } from './request';

type TestAnswer = Schemas['TestAnswer'];

// The key that was typed, for the next operation too: only in this page's memory.
let lastKey = '';

/** Sends one request through the edge, and shows what came. */
export function Console({ op, scheme }: { op: Operation; scheme: Scheme }) {
  const developer = useDeveloper().data;
  const info = useInfo().data;
  const [typed, setTyped] = useState<Typed>(() => ({
    parameters: Object.fromEntries(op.parameters.map((p) => [fieldOf(p), p.example])),
    key: lastKey,
    body: op.body?.example ?? '',
  }));
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<TestAnswer>();
  const [problem, setProblem] = useState<Problem>();
  const request = prepare(op, scheme, typed);
  const send = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      setAnswer((await api.POST('/v1/developer/{label}/try', { params: here, body: request })).data);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  if (!developer) {
    return (
      <Text>
        <a href={hrefOf('/login', { next: window.location.pathname })}>Sign in</a> to try it here, with a key of yours.
      </Text>
    );
  }
  const line = curl(info?.gateway_url ?? '', request);
  return (
    <Stack gap="sm" component="section" aria-label="Try it">
      <Title order={2} size="h3">Try it</Title>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void send();
        }}
      >
        <Stack gap="sm" maw="36rem">
          {op.parameters.map((p) => (
            <TextInput
              key={fieldOf(p)}
              label={p.name}
              description={`${p.in}${p.required ? ', required' : ''}`}
              required={p.required}
              value={typed.parameters[fieldOf(p)] ?? ''}
              onChange={(e) => setTyped({ ...typed, parameters: { ...typed.parameters, [fieldOf(p)]: e.currentTarget.value } })}
            />
          ))}
          {op.body ? <Textarea label="Body" description={op.body.contentType} autosize minRows={3} maxRows={16} className="tg-mono" value={typed.body} onChange={(e) => setTyped({ ...typed, body: e.currentTarget.value })} /> : null}
          <PasswordInput
            label="Key"
            description="One of yours; it is neither kept nor logged"
            autoComplete="off"
            value={typed.key}
            onChange={(e) => {
              lastKey = e.currentTarget.value;
              setTyped({ ...typed, key: e.currentTarget.value });
            }}
          />
          <div>
            <Button type="submit" loading={busy}>
              Send the request
            </Button>
          </div>
        </Stack>
      </form>
      <ProblemNote problem={problem} />
      {answer ? <Shown answer={answer} /> : null}
      <div>
        <Group gap={4}>
          <Text size="sm" c="dimmed">
            In a terminal
          </Text>
          <CopyIcon text={line} label="command" />
        </Group>
        <Code block tabIndex={0}>
          {typed.key ? line.replaceAll(typed.key, 'YOUR_KEY') : line}
        </Code>
      </div>
    </Stack>
  );
}

function Shown({ answer }: { answer: TestAnswer }) {
  return (
    <div role="status">
      <Group gap="sm">
        <Badge size="lg" variant="light" color={answer.status < 400 ? 'green' : 'red'} tt="none">
          {answer.status}
        </Badge>
        <Text size="sm">in {milliseconds(answer.total_ms)}</Text>
        {answer.request_id ? (
          <To page="/requests" search={{ id: answer.request_id }} size="sm" underline="always">
            {answer.status < 400 ? 'This request' : 'Why was it answered so?'}
          </To>
        ) : null}
      </Group>
      <Code block mt="xs" tabIndex={0} mah={320} style={{ overflow: 'auto' }}>
        {Object.entries(answer.headers)
          .flatMap(([name, values]) => values.map((v) => `${name}: ${v}`))
          .join('\n')}
        {'\n\n'}
        {answer.body ?? `${answer.body_bytes} bytes that are not text`}
      </Code>
      {answer.truncated ? (
        <Text size="sm" c="dimmed">
          There was more.
        </Text>
      ) : null}
    </div>
  );
}
