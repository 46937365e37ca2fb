import { Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { useGatewayName } from '@/shell/useGateway';
import { CopyOnce, PageHeader, useApiForm } from '@/ui';
import { LinkButton } from '@/ui/LinkTo';
import { formOf, inputOf, validate, type WebhookForm } from './form';
import { Snippet } from './Snippet';
import { WebhookEditor } from './WebhookEditor';

export default function NewWebhookPage() {
  const gateway = useGatewayName();
  const [made, setMade] = useState<{ name: string; secret?: string }>();
  const editor = useApiForm<WebhookForm>({
    initialValues: formOf(),
    validate,
    save: async (values) => {
      const { data } = await api.POST('/v1/gateways/{gateway}/webhooks', { params: { path: { gateway } }, body: inputOf(values) });
      await refresh('/v1/gateways/{gateway}/webhooks');
      if (data) setMade({ name: data.name, secret: data.signing_secret });
    },
  });
  if (made) {
    return (
      <>
        <PageHeader title="The webhook is there" description="Its messages are signed. Verify the signature with this secret before you believe a message." docs="/docs/webhooks#verify-it" />
        <Stack maw="44rem" gap="lg">
          <CopyOnce what="signing secret" secret={made.secret} kept="It is kept encrypted to sign with" lost="Make a new signing secret on the webhook’s page." />
          <div>
            <Text fw={600} mb="xs">
              How a receiver verifies a message
            </Text>
            <Snippet />
          </div>
          <div>
            <LinkButton to="/gateways/$gw/webhooks/$name" params={{ gw: gateway, name: made.name }}>
              To the webhook, to test it
            </LinkButton>
          </div>
        </Stack>
      </>
    );
  }
  return (
    <>
      <PageHeader title="New webhook" description="Where messages go, and what they tell of." docs="/docs/webhooks" />
      <WebhookEditor {...editor} action="Make the webhook" />
    </>
  );
}
