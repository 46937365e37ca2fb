import { Button, Group, Stack } from '@mantine/core';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { done, ProblemNote, useApiForm } from '@/ui';
import { keyBody, KeyFields, keyValues } from './KeyFields';

/** Changes what can be changed of a key. Edges follow within a second. */
export function EditKey({ gateway, value }: { gateway: string; value: Schemas['Key'] }) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: keyValues(value),
    save: async (values) => {
      await api.PUT('/v1/gateways/{gateway}/keys/{key}', {
        params: { path: { gateway, key: value.id }, header: { 'If-Match': etagOf(value) } },
        body: keyBody(values),
      });
      await refresh('/v1/gateways/{gateway}/keys');
      form.resetDirty();
      done('The key is saved.');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw="40rem" className="tg-panel" p="lg">
        <KeyFields gateway={gateway} form={form} />
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
