import { Button, Fieldset, Group, MultiSelect, Stack, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState, type ReactNode } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { ProblemNote, useApiForm } from '@/ui';
import { useNames } from '@/ui/RemoteSelect';
import { LimitFields } from './LimitFields';
import { limitsBody, limitValues } from './limits';

export interface PlanFormProps {
  gateway: string;
  /** The plan that is changed; without one the form makes a new one. */
  plan?: Schemas['UsagePlan'];
  onSaved: (name: string) => void;
  /** Beside the button that saves. */
  cancel?: ReactNode;
}

/** Makes or changes a usage plan. */
export function PlanForm({ gateway, plan, onSaved, cancel }: PlanFormProps) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: plan?.name ?? '', routes: plan?.routes ?? [], ...limitValues(plan) },
    save: async (values) => {
      const body = { name: values.name, ...limitsBody(values), routes: values.routes.length > 0 ? values.routes : undefined };
      if (plan?.name) {
        await api.PUT('/v1/gateways/{gateway}/usage-plans/{name}', {
          params: { path: { gateway, name: plan.name }, header: { 'If-Match': etagOf(plan) } },
          body,
        });
      } else {
        await api.POST('/v1/gateways/{gateway}/usage-plans', { params: { path: { gateway } }, body });
      }
      await refresh('/v1/gateways/{gateway}/usage-plans', '/v1/gateways/{gateway}/consumers', '/v1/gateways/{gateway}/keys');
      onSaved(values.name);
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {plan ? null : (
          <TextInput
            label="Name"
            description="Letters, digits, dots, underscores and hyphens. It can’t be changed later."
            placeholder="gold"
            autoComplete="off"
            spellCheck={false}
            withAsterisk
            data-autofocus
            {...form.getInputProps('name')}
          />
        )}
        <LimitFields form={form} none="No limit" whose="consumer" />
        <Fieldset legend="Routes" p="md">
          <RoutesField gateway={gateway} {...form.getInputProps('routes')} />
        </Fieldset>
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify={plan ? 'flex-start' : 'flex-end'} gap="xs">
          {cancel}
          <Button type="submit" loading={busy} disabled={plan !== undefined && !form.isDirty()}>
            {plan ? 'Save' : 'Make the usage plan'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface RoutesFieldProps {
  gateway: string;
  value?: string[];
  onChange: (names: string[]) => void;
  error?: ReactNode;
}

/** Chooses routes by name out of any number; the API searches. */
function RoutesField({ gateway, value = [], onChange, error }: RoutesFieldProps) {
  const [search, setSearch] = useState('');
  const [asked] = useDebouncedValue(search, 200);
  const { data = [], isFetching } = useNames('routes', gateway, asked);
  return (
    <MultiSelect
      label="Only these routes"
      description="A consumer with this plan may call them and no others; empty for all"
      placeholder={value.length === 0 ? 'All routes' : undefined}
      data={[...new Set([...value, ...data])]}
      value={value}
      onChange={onChange}
      error={error}
      searchable
      searchValue={search}
      onSearchChange={setSearch}
      hidePickedOptions
      clearable
      nothingFoundMessage={isFetching ? 'Searching' : 'No route has this name'}
    />
  );
}
