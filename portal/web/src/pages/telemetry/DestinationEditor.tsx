import { Button, Checkbox, Group, NumberInput, SegmentedControl, Select, Stack, Switch, Text, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import type { FormEvent } from 'react';
import type { FieldError, Problem } from '@/api/problem';
import { ProblemNote } from '@/ui';
import { allOutcomes, type DestinationForm } from './form';
import { GatewayChoice } from './GatewayChoice';
import { HeaderFields } from './HeaderFields';
import { outcomeNames, signalNames, typeNames, type Signal } from './words';

export interface DestinationEditorProps {
  form: UseFormReturnType<DestinationForm>;
  problem: Problem | undefined;
  rest: readonly FieldError[];
  busy: boolean;
  submit: (event?: FormEvent<HTMLFormElement>) => void;
  action: string;
  /** Names of the header fields whose values the API keeps. */
  kept?: readonly string[];
  /** It is there already: the name stays. */
  named?: boolean;
  /** Reads only: who may not change it. */
  disabled?: boolean;
}

/** The fields of a telemetry destination. */
export function DestinationEditor({ form, problem, rest, busy, submit, action, kept = [], named = false, disabled = false }: DestinationEditorProps) {
  const { type, signals } = form.values;
  const otlp = type === 'otlp';
  return (
    <form onSubmit={submit} noValidate>
      <fieldset disabled={disabled} style={{ border: 0, padding: 0, margin: 0, minWidth: 0, maxWidth: '44rem' }}>
        <Stack gap="lg">
          <TextInput label="Name" description={named ? 'Names stay as they are' : 'Lower case, digits and hyphens'} readOnly={named} spellCheck={false} autoComplete="off" {...form.getInputProps('name')} />
          <div>
            <Text size="sm" fw={500} mb={4} id="destination-type">
              How it is sent
            </Text>
            <SegmentedControl
              aria-labelledby="destination-type"
              fullWidth
              disabled={disabled}
              data={[{ value: 'otlp', label: typeNames.otlp }, { value: 'http', label: typeNames.http }]}
              {...form.getInputProps('type')}
            />
            <Text size="sm" c="dimmed" mt={6}>
              {otlp ? 'OTLP over HTTP, in its binary form: any OpenTelemetry collector takes it.' : 'Log records as JSON, for whatever else takes logs by HTTP.'}
            </Text>
          </div>
          <TextInput
            label="URL"
            type="url"
            description={otlp ? 'The base of /v1/logs, /v1/traces and /v1/metrics: https and public' : 'Where the records are sent by POST: https and public'}
            placeholder={otlp ? 'https://otel.example.com' : 'https://logs.example.com/ingest'}
            spellCheck={false}
            {...form.getInputProps('url')}
          />
          {otlp ? (
            <Checkbox.Group label="What is sent" description="Traces are of gateways that trace requests: see their settings" {...form.getInputProps('signals')}>
              <Group mt="xs">
                {(Object.keys(signalNames) as Signal[]).map((value) => (
                  <Checkbox key={value} value={value} label={signalNames[value]} />
                ))}
              </Group>
            </Checkbox.Group>
          ) : (
            <Select
              label="Form of a batch"
              allowDeselect={false}
              data={[{ value: 'json', label: 'One array' }, { value: 'ndjson', label: 'One object a line (NDJSON)' }]}
              {...form.getInputProps('format')}
            />
          )}
          <HeaderFields form={form} kept={kept} />
          <GatewayChoice form={form} />
          {!otlp || signals.includes('logs') ? <Chosen form={form} /> : null}
          <Switch label="Compress" description="Sent with gzip, at about a tenth of the size" {...form.getInputProps('gzip', { type: 'checkbox' })} />
          <Switch label="Switched on" description="While it is off nothing is sent, and nothing waits" {...form.getInputProps('enabled', { type: 'checkbox' })} />
          <ProblemNote problem={rest.length > 0 || !problem?.errors ? problem : undefined} rest={rest} />
          {disabled ? (
            <Text size="sm" c="dimmed">
              Your role may look at destinations, not change them.
            </Text>
          ) : (
            <Group>
              <Button type="submit" loading={busy}>
                {action}
              </Button>
            </Group>
          )}
        </Stack>
      </fieldset>
    </form>
  );
}

/** Whose log records are sent. */
function Chosen({ form }: { form: UseFormReturnType<DestinationForm> }) {
  return (
    <>
      <Checkbox.Group label="Log records of requests" {...form.getInputProps('outcomes')}>
        <Group mt="xs">
          {allOutcomes.map((value) => (
            <Checkbox key={value} value={value} label={outcomeNames[value]} />
          ))}
        </Group>
      </Checkbox.Group>
      {form.values.outcomes.includes('ok') ? (
        <NumberInput
          label="Of those that went well"
          description="Refused and failed requests are always sent where they are chosen"
          suffix=" %"
          min={0}
          max={100}
          decimalScale={2}
          styles={{ input: { maxWidth: '10rem' }, wrapper: { maxWidth: '10rem' } }}
          {...form.getInputProps('sample')}
        />
      ) : null}
    </>
  );
}
