import { Button, Group, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { useMay } from '@/api/session';
import { done, ProblemNote, useApiForm } from '@/ui';

type What = 'all' | 'path' | 'prefix' | 'tag';

const inputs: Record<Exclude<What, 'all'>, { label: string; placeholder: string }> = {
  path: { label: 'Address', placeholder: '/orders/7?full=true' },
  prefix: { label: 'Addresses begin with', placeholder: '/orders/' },
  tag: { label: 'Tag', placeholder: 'product-7' },
};

/** Removes stored answers of the policy "cache" from every edge. */
export function PurgeCache({ gateway }: { gateway: string }) {
  const may = useMay('gateways:write');
  const [report, setReport] = useState<Schemas['PurgeReport']>();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { what: 'all' as What, value: '' },
    rename: { '/path': 'value', '/prefix': 'value', '/tag': 'value' },
    save: async ({ what, value }) => {
      const { data } = await api.POST('/v1/gateways/{gateway}/cache/purge', {
        params: { path: { gateway } },
        body: what === 'all' ? { all: true } : { [what]: value },
      });
      setReport(data);
      done('The cache is purged.');
    },
  });
  if (!may) return null;
  const { what } = form.values;
  const removed = report?.edges.reduce((n, e) => n + e.removed, 0) ?? 0;
  const failed = report?.edges.filter((e) => e.error).map((e) => e.edge) ?? [];
  const missing = [...failed, ...(report?.silent ?? [])];
  return (
    <section>
      <Title order={2}>Cache</Title>
      <Text mt={4}>Removes answers that the policy Cache has stored, on every edge.</Text>
      <form onSubmit={submit} noValidate>
        <Stack gap="sm" mt="sm">
          <Select
            label="What to remove"
            allowDeselect={false}
            data={[
              { value: 'all', label: 'Everything' },
              { value: 'path', label: 'One address' },
              { value: 'prefix', label: 'Everything below a path' },
              { value: 'tag', label: 'What has a tag' },
            ]}
            {...form.getInputProps('what')}
          />
          {what !== 'all' && <TextInput {...inputs[what]} spellCheck={false} {...form.getInputProps('value')} />}
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <Group>
            <Button type="submit" variant="default" loading={busy}>
              Purge the cache
            </Button>
          </Group>
          {report && (
            <Text size="sm" role="status">
              {removed} stored {removed === 1 ? 'answer' : 'answers'} removed on {report.edges.length - failed.length}{' '}
              {report.edges.length - failed.length === 1 ? 'edge' : 'edges'} in {Math.round(report.took_ms)} ms.
              {missing.length > 0 && ` Not confirmed by ${missing.join(', ')}: purge again.`}
            </Text>
          )}
        </Stack>
      </form>
    </section>
  );
}
