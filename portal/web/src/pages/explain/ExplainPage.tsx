import { Button, Group, Stack, TextInput, Title } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useGatewayName } from '@/shell/useGateway';
import { PageHeader, useSearchParams } from '@/ui';
import { TryPanel } from './TryPanel';

export default function ExplainPage() {
  const gateway = useGatewayName();
  const navigate = useNavigate();
  const [{ url, method }] = useSearchParams();
  const [id, setId] = useState('');
  return (
    <>
      <PageHeader
        title="Explain"
        description="What an edge does with a request, step by step: which route it takes, what each policy says, which limits are left, where it goes."
        docs="/docs/observability#explain"
      />
      <Stack gap={40}>
        <section>
          <Title order={2} mb="md">
            A request that you make up
          </Title>
          <TryPanel gateway={gateway} url={url ?? '/'} method={method} />
        </section>
        <section>
          <Title order={2} mb="md">
            A request that was answered
          </Title>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (id.trim()) void navigate({ to: '/gateways/$gw/requests/$id', params: { gw: gateway, id: id.trim() } });
            }}
          >
            <Group align="flex-end" gap="xs">
              <TextInput
                label="Request id"
                description="Every answer carries it in X-Request-Id."
                value={id}
                onChange={(e) => setId(e.currentTarget.value)}
                spellCheck={false}
                autoComplete="off"
                style={{ flex: '1 1 16rem', maxWidth: '28rem' }}
                classNames={{ input: 'tg-mono' }}
              />
              <Button type="submit" variant="default" disabled={!id.trim()}>
                Look it up
              </Button>
            </Group>
          </form>
        </section>
      </Stack>
    </>
  );
}
