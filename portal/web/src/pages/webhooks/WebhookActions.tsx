import { Button } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { ConfirmDanger, done, useAction } from '@/ui';
import type { Tested, Webhook } from './words';

const path = '/v1/gateways/{gateway}/webhooks';

export interface WebhookActionsProps {
  gateway: string;
  webhook: Webhook;
  onTested: (tested: Tested | undefined) => void;
  onSecret: (secret: string) => void;
}

/** What can be done to a webhook beside changing it. */
export function WebhookActions({ gateway, webhook, onTested, onSecret }: WebhookActionsProps) {
  const [asked, setAsked] = useState<'secret' | 'delete'>();
  const navigate = useNavigate();
  const params = { path: { gateway, name: webhook.name } };
  const close = () => setAsked(undefined);
  const [busy, test] = useAction(async () => {
    onTested(undefined);
    const { data } = await api.POST('/v1/gateways/{gateway}/webhooks/{name}/test', { params });
    onTested(data);
    await refresh(`${path}/{name}/deliveries`);
  });
  return (
    <>
      <Button onClick={() => test()} loading={busy}>
        Send a test
      </Button>
      <Button variant="default" onClick={() => setAsked('secret')}>
        New signing secret
      </Button>
      <Button variant="default" c="var(--tg-bad)" onClick={() => setAsked('delete')}>
        Delete
      </Button>
      <ConfirmDanger
        opened={asked === 'secret'}
        onClose={close}
        title="Make a new signing secret?"
        consequences={['Messages are signed with the new secret at once, and with the former one too for 24 hours.', 'Set the new one at the receiver within that time.']}
        action="Make a new secret"
        onConfirm={async () => {
          const { data } = await api.POST('/v1/gateways/{gateway}/webhooks/{name}/rotate', { params });
          await refresh(path);
          if (data) onSecret(data.signing_secret);
        }}
      />
      <ConfirmDanger
        opened={asked === 'delete'}
        onClose={close}
        title={`Delete the webhook ${webhook.name}?`}
        consequences={['The receiver is told nothing more; what waits is not sent.', 'Its deliveries and its signing secret go with it.']}
        name={webhook.name}
        action="Delete the webhook"
        onConfirm={async () => {
          await api.DELETE('/v1/gateways/{gateway}/webhooks/{name}', { params: { ...params, header: { 'If-Match': etagOf(webhook) } } });
          await navigate({ to: '/gateways/$gw/webhooks', params: { gw: gateway } });
          await refresh(path);
          done(`${webhook.name} is told nothing more.`);
        }}
      />
    </>
  );
}
