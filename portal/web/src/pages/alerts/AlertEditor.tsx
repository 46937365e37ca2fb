import { Button, Group, NumberInput, Select, SimpleGrid, Stack, Switch, Textarea, TextInput, Title } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import type { FormEvent } from 'react';
import type { FieldError, Problem } from '@/api/problem';
import { ProblemNote } from '@/ui';
import { AlertPreview } from './AlertPreview';
import classes from './Alerts.module.css';
import { ChannelFields } from './ChannelFields';
import { thresholds, type AlertForm } from './form';
import { PickName } from './PickName';
import { durationWords, kindNames, low, windowed, type Kind } from './words';

export interface AlertEditorProps {
  gateway: string;
  form: UseFormReturnType<AlertForm>;
  problem: Problem | undefined;
  rest: readonly FieldError[];
  busy: boolean;
  submit: (event?: FormEvent<HTMLFormElement>) => void;
  action: string;
  /** It is there already: names stay. */
  named?: boolean;
  /** Reads only: who may not change it. */
  disabled?: boolean;
}

const units: Record<Kind, string> = {
  error_rate: 'percent of the requests', latency: 'milliseconds', quota: 'percent of the quota', no_traffic: 'requests', release: 'releases', certificate: 'days left', telemetry: 'minutes',
};

const suffixes: Partial<Record<Kind, string>> = { error_rate: '%', latency: ' ms', quota: '%' };

/** The fields of an alert, beside what it would have seen lately. */
export function AlertEditor({ gateway, form, problem, rest, busy, submit, action, named = false, disabled = false }: AlertEditorProps) {
  const { kind } = form.values;
  const choose = (next: string) => {
    form.setFieldValue('kind', next as Kind);
    form.setFieldValue('threshold', thresholds[next as Kind]);
    form.setFieldValue('clear_threshold', '');
  };
  return (
    <form onSubmit={submit} noValidate>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xl" verticalSpacing="lg">
        <fieldset disabled={disabled} className={classes.fields}>
          <TextInput label="Name" description={named ? 'Names stay as they are' : 'In mails and addresses: lower case, digits and hyphens'} readOnly={named} {...form.getInputProps('name')} />
          <Select
            label="What is watched"
            allowDeselect={false}
            value={kind}
            onChange={(next) => next && choose(next)}
            data={(Object.keys(kindNames) as Kind[]).map((value) => ({ value, label: kindNames[value] }))}
            error={form.errors.kind}
          />
          <Watched gateway={gateway} form={form} />
          {kind === 'release' ? null : <Bounds form={form} />}
          <ChannelFields form={form} />
          <Textarea label="Description" description="Stands in the messages: what to do when it fires" autosize minRows={2} {...form.getInputProps('description')} />
          <Switch label="Switched on" {...form.getInputProps('enabled', { type: 'checkbox' })} />
          <ProblemNote problem={rest.length > 0 || !problem?.errors ? problem : undefined} rest={rest} />
          {disabled ? null : (
            <Group>
              <Button type="submit" loading={busy}>
                {action}
              </Button>
            </Group>
          )}
        </fieldset>
        <div className={classes.preview}>
          <AlertPreview gateway={gateway} form={form.values} />
        </div>
      </SimpleGrid>
    </form>
  );
}

type FormProps = { form: UseFormReturnType<AlertForm> };

/** Whose requests or quota, by the kind. */
function Watched({ gateway, form }: FormProps & { gateway: string }) {
  const { kind, quota } = form.values;
  const pick = (name: 'route' | 'consumer' | 'usage_plan') => ({
    gateway,
    value: form.values[name],
    onChange: (value: string) => form.setFieldValue(name, value),
    error: form.errors[name],
  });
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }}>
      {kind === 'error_rate' ? (
        <Select
          label="Errors made"
          allowDeselect={false}
          data={[
            { value: 'all', label: 'By anybody' },
            { value: 'backend', label: 'By backends' },
            { value: 'edge', label: 'By the edge (refused)' },
          ]}
          {...form.getInputProps('errors')}
        />
      ) : null}
      {kind === 'latency' ? (
        <>
          <Select label="Time taken" allowDeselect={false} data={[{ value: 'upstream', label: 'By backends' }, { value: 'edge', label: 'By the edge itself' }]} {...form.getInputProps('latency')} />
          <Select label="Percentile" allowDeselect={false} data={[{ value: 'p50', label: 'p50: half of the requests' }, { value: 'p95', label: 'p95: 1 of 20 is slower' }, { value: 'p99', label: 'p99: 1 of 100 is slower' }]} {...form.getInputProps('percentile')} />
        </>
      ) : null}
      {kind === 'quota' ? (
        <Select
          label="Whose quota"
          allowDeselect={false}
          data={[{ value: 'organization', label: 'The organization’s' }, { value: 'usage_plan', label: 'Each consumer’s of a usage plan' }, { value: 'consumer', label: 'One consumer’s' }]}
          {...form.getInputProps('quota')}
        />
      ) : null}
      {windowed(kind) || kind === 'release' ? <PickName {...pick('route')} of="routes" label="Route" placeholder="All routes" /> : null}
      {kind === 'error_rate' || kind === 'no_traffic' || quota === 'consumer' && kind === 'quota' ? (
        <PickName {...pick('consumer')} of="consumers" label="Consumer" placeholder={kind === 'quota' ? 'Choose one' : 'All consumers'} required={kind === 'quota'} />
      ) : null}
      {kind === 'quota' && quota === 'usage_plan' ? <PickName {...pick('usage_plan')} of="usage-plans" label="Usage plan" placeholder="Choose one" required /> : null}
    </SimpleGrid>
  );
}

const spans = (value: string, all: string[]) => (all.includes(value) ? all : [value, ...all]).map((v) => ({ value: v, label: durationWords(v) }));

/** When it fires, and when it ends. */
function Bounds({ form }: FormProps) {
  const { kind, window, clear_for } = form.values;
  const lasting = form.values.for;
  return (
    <Stack gap="xs">
      <Title order={2} size="h3">
        When it fires
      </Title>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <NumberInput label={low(kind) ? 'Fewer than' : 'Threshold'} suffix={suffixes[kind] ?? ''} description={units[kind]} min={0} {...form.getInputProps('threshold')} />
        <NumberInput
          label="Ends at"
          description={low(kind) ? 'So many again; empty: the same' : 'And below; empty: 90% of the threshold'}
          min={0}
          {...form.getInputProps('clear_threshold')}
        />
        {windowed(kind) ? <Select label="Window" description="The figure is taken over it" allowDeselect={false} data={spans(window, ['1m', '5m', '10m', '15m', '30m', '1h', '6h', '24h'])} {...form.getInputProps('window')} /> : null}
        {kind === 'error_rate' || kind === 'latency' ? <NumberInput label="Least requests" description="Fewer in the window say nothing" min={1} allowDecimal={false} {...form.getInputProps('min_requests')} /> : null}
        <Select label="Must last" description="Before it fires" allowDeselect={false} data={spans(lasting, ['0s', '1m', '2m', '5m', '10m', '30m', '1h'])} {...form.getInputProps('for')} />
        <Select label="Must be fine for" description="Before it ends" allowDeselect={false} data={spans(clear_for, ['0s', '1m', '2m', '5m', '10m', '30m', '1h'])} {...form.getInputProps('clear_for')} />
      </SimpleGrid>
    </Stack>
  );
}
