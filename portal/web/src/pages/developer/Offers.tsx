import { Button, Group, Select, Stack, Switch, Text, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { useState } from 'react';
import { $api } from '@/api/client';
import type { PortalValues } from './form';

/** The usage plans that developers can choose themselves, in the order shown. */
export function Offers({ gateway, form }: { gateway: string; form: UseFormReturnType<PortalValues> }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const { data } = $api.useQuery('get', '/v1/gateways/{gateway}/usage-plans', { params: { path: { gateway }, query: { limit: 200 } } });
  const offered = form.values.plans.map((p) => p.usage_plan);
  const others = data?.items.map((p) => p.name).filter((name) => !offered.includes(name)) ?? [];
  const add = () => {
    if (!chosen) return;
    form.insertListItem('plans', { usage_plan: chosen, title: '', description: '', approval: false });
    setChosen(null);
  };
  return (
    <Stack gap="sm">
      {offered.length === 0 ? (
        <Text size="sm" c="dimmed">
          None yet: developers can sign up, but get no key before a plan is on offer.
        </Text>
      ) : null}
      {form.values.plans.map((plan, i) => (
        <Stack key={plan.usage_plan} className="tg-panel" p="md" gap="xs">
          <Group justify="space-between">
            <Text fw={600}>{plan.usage_plan}</Text>
            <Button size="compact-sm" variant="default" onClick={() => form.removeListItem('plans', i)} aria-label={`Take off: the plan ${plan.usage_plan}`}>
              Take off
            </Button>
          </Group>
          <TextInput label="Title" description="Empty: the plan’s name" {...form.getInputProps(`plans.${i}.title`)} />
          <TextInput label="Description" {...form.getInputProps(`plans.${i}.description`)} />
          <Switch label="Needs your approval" {...form.getInputProps(`plans.${i}.approval`, { type: 'checkbox' })} />
          {form.errors[`plans.${i}.usage_plan`] ? (
            <Text size="sm" c="var(--tg-bad)">
              {form.errors[`plans.${i}.usage_plan`]}
            </Text>
          ) : null}
        </Stack>
      ))}
      <Group gap="xs">
        <Select aria-label="Usage plan to offer" placeholder={others.length > 0 ? 'Usage plan' : 'No other usage plan'} data={others} value={chosen} onChange={setChosen} searchable disabled={others.length === 0} />
        <Button variant="default" onClick={add} disabled={!chosen}>
          Offer it
        </Button>
      </Group>
    </Stack>
  );
}
