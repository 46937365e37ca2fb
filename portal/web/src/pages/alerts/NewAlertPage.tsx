import { Button, Stack } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMe } from '@/api/session';
import { useGatewayName } from '@/shell/useGateway';
import { CopyOnce, done, PageHeader, useApiForm } from '@/ui';
import { AlertEditor } from './AlertEditor';
import { formOf, inputOf, type AlertForm } from './form';

export default function NewAlertPage() {
  const gateway = useGatewayName();
  const me = useMe();
  const navigate = useNavigate();
  const [made, setMade] = useState<{ name: string; secret: string }>();
  const editor = useApiForm<AlertForm>({
    initialValues: formOf(undefined, me?.user.email),
    save: async (values) => {
      const { data } = await api.POST('/v1/gateways/{gateway}/alerts', { params: { path: { gateway } }, body: inputOf(values) });
      await refresh('/v1/gateways/{gateway}/alerts');
      if (!data) return;
      if (data.signing_secret) return setMade({ name: data.name, secret: data.signing_secret });
      done('The alert is on watch.');
      await navigate({ to: '/gateways/$gw/alerts/$name', params: { gw: gateway, name: data.name } });
    },
  });
  if (made) {
    return (
      <>
        <PageHeader title="The alert is on watch" description="Its webhooks are signed. Check the signature with this secret before you believe a message." docs="/docs/alerts#webhooks" />
        <Stack maw="44rem">
          <CopyOnce what="signing secret" secret={made.secret} kept="It is kept encrypted to sign with" lost="Make a new signing secret on the alert’s page." />
          <div>
            <Button renderRoot={(props) => <Link to="/gateways/$gw/alerts/$name" params={{ gw: gateway, name: made.name }} {...props} />}>To the alert</Button>
          </div>
        </Stack>
      </>
    );
  }
  return (
    <>
      <PageHeader title="New alert" description="Choose what is watched; the chart shows what the alert would have seen lately." docs="/docs/alerts" />
      <AlertEditor gateway={gateway} {...editor} action="Save the alert" />
    </>
  );
}
