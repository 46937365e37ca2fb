import { Checkbox, Group, Radio, Stack, Text } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { $api } from '@/api/client';
import { steady } from '@/api/queries';
import type { WebhookForm } from './form';
import { grouped } from './words';

/** What the webhook is told: everything, or the types that are ticked. */
export function EventChoice({ form }: { form: UseFormReturnType<WebhookForm> }) {
  const { all, events } = form.values;
  const { data } = $api.useQuery('get', '/v1/webhook-events', {}, steady);
  const groups = grouped((data?.items ?? []).filter((e) => e.type !== 'webhook.test'));
  // What the API says of one of them stands at the whole field.
  const error = form.errors.events ?? events.map((_, i) => form.errors[`events.${i}`]).find((e) => e !== undefined);
  return (
    <Stack gap="sm">
      <Radio.Group label="What it is told" value={all ? 'all' : 'some'} onChange={(v) => form.setFieldValue('all', v === 'all')}>
        <Group mt="xs">
          <Radio value="all" label="Everything, also what is to come" />
          <Radio value="some" label="What I choose" />
        </Group>
      </Radio.Group>
      {all ? null : (
        <Checkbox.Group aria-label="Types of events" value={events} onChange={(chosen) => form.setFieldValue('events', chosen)} error={error}>
          <Stack gap="md">
            {groups.map((group) => (
              <div key={group.name} role="group" aria-label={`Events of ${group.name}`}>
                <Text size="sm" fw={600} mb={6} tt="capitalize">
                  {group.name}
                </Text>
                <Stack gap="xs">
                  {group.types.map((e) => (
                    <Checkbox key={e.type} value={e.type} label={<span className="tg-mono">{e.type}</span>} description={e.description.replaceAll('`', '')} />
                  ))}
                </Stack>
              </div>
            ))}
          </Stack>
        </Checkbox.Group>
      )}
    </Stack>
  );
}
