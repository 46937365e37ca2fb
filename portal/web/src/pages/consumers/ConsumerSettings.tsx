import { Button, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { ConfirmDanger, CopyText, done, ProblemNote, useApiForm } from '@/ui';
import { Facts } from '@/ui/Facts';
import { dateTime } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import { consumerBody, consumerChecks, ConsumerFields, consumerValues } from './ConsumerFields';
import { metadataText } from './metadata';

interface Props {
  gateway: string;
  consumer: Schemas['Consumer'];
}

/** Changes and deletes a consumer; who may not do so sees what it is. */
export function ConsumerSettings({ gateway, consumer }: Props) {
  const may = useMay('consumers:write');
  if (!may) return <Read consumer={consumer} />;
  return (
    <>
      <Edit gateway={gateway} consumer={consumer} key={consumer.updated_at} />
      <Remove gateway={gateway} consumer={consumer} />
    </>
  );
}

function Read({ consumer }: { consumer: Schemas['Consumer'] }) {
  return (
    <Stack className="tg-panel" p="lg">
      <Facts
        facts={[
          ['Id', <CopyText key="i" text={consumer.id} label="id" />],
          ['Usage plan', consumer.usage_plan ?? 'None'],
          ['Made', dateTime(consumer.created_at)],
          ['Identities', consumer.identities?.map((i) => `${i.subject} at ${i.issuer}`).join(', ')],
          ['Metadata', metadataText(consumer.metadata) ? <pre key="m">{metadataText(consumer.metadata)}</pre> : undefined],
        ]}
      />
    </Stack>
  );
}

function Edit({ gateway, consumer }: Props) {
  const name = consumer.name ?? '';
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: consumerValues(consumer),
    validate: consumerChecks,
    save: async (values) => {
      await api.PUT('/v1/gateways/{gateway}/consumers/{name}', {
        params: { path: { gateway, name }, header: { 'If-Match': etagOf(consumer) } },
        body: consumerBody(values),
      });
      await refresh('/v1/gateways/{gateway}/consumers');
      done('The consumer is saved.');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw="40rem" className="tg-panel" p="lg" mb="xl">
        <ConsumerFields gateway={gateway} form={form} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group>
          <Button type="submit" loading={busy} disabled={!form.isDirty()}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Remove({ gateway, consumer }: Props) {
  const [asking, dialog] = useDisclosure(false);
  const navigate = useNavigate();
  const name = consumer.name ?? '';
  return (
    <Panel title="Delete the consumer">
      <Stack align="flex-start" gap="sm">
        <Text>Its keys stop working at once. Its usage stays in the analytics.</Text>
        <Button variant="default" c="var(--tg-bad)" onClick={dialog.open}>
          Delete {name}
        </Button>
      </Stack>
      <ConfirmDanger
        opened={asking}
        onClose={dialog.close}
        title={`Delete the consumer ${name}?`}
        name={name}
        consequences={['All of its keys stop working at once, on every edge.', 'Tokens of its identities no longer stand for it.', 'It can’t be brought back.']}
        action="Delete the consumer"
        onConfirm={async () => {
          await api.DELETE('/v1/gateways/{gateway}/consumers/{name}', { params: { path: { gateway, name }, header: { 'If-Match': etagOf(consumer) } } });
          await navigate({ to: '/gateways/$gw/consumers', params: { gw: gateway } });
          await refresh('/v1/gateways/{gateway}/consumers', '/v1/gateways/{gateway}/keys');
          done(`The consumer ${name} is deleted.`);
        }}
      />
    </Panel>
  );
}
