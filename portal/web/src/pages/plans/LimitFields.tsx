import { Fieldset, Group, NumberInput, Select, SimpleGrid, Stack } from '@mantine/core';
import type { GetInputPropsReturnType } from '@mantine/form';

export interface LimitFieldsProps {
  form: { getInputProps: (path: string) => GetInputPropsReturnType };
  /** Where the limits stand in the form's values, such as `limits.`; empty for its top. */
  at?: string;
  /** What an empty field means. */
  none: string;
  /** Whose requests are counted together. */
  whose: string;
}

const unit = { w: '8.5rem', allowDeselect: false } as const;

/** The fields of a rate, a quota and a concurrency. Empty fields are no limit. */
export function LimitFields({ form, at = '', none, whose }: LimitFieldsProps) {
  const props = (path: string) => form.getInputProps(at + path);
  const figure = { min: 0, max: Number.MAX_SAFE_INTEGER, allowDecimal: false, allowNegative: false, thousandSeparator: ',', hideControls: true, placeholder: none } as const;
  return (
    <Stack gap="md">
      <Fieldset legend="Rate" p="md">
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <Group gap="xs" align="flex-start" wrap="nowrap">
            <NumberInput label="Requests" flex={1} miw={0} {...figure} {...props('rate_limit.rate')} />
            <Select label="In a" data={['second', 'minute', 'hour']} {...unit} {...props('rate_limit.per')} />
          </Group>
          <NumberInput
            label="Burst"
            description="So many at one moment, before the rate holds them back"
            inputWrapperOrder={['label', 'input', 'description', 'error']}
            {...figure}
            placeholder="One second’s worth"
            {...props('rate_limit.burst')}
          />
        </SimpleGrid>
      </Fieldset>
      <Fieldset legend="Quota" p="md">
        <Group gap="xs" align="flex-start" wrap="nowrap" maw="24rem">
          <NumberInput label="Requests" flex={1} miw={0} {...figure} {...props('quota.limit')} />
          <Select label="In a" data={['hour', 'day', 'week', 'month']} {...unit} {...props('quota.period')} />
        </Group>
      </Fieldset>
      <Fieldset legend="Concurrency" p="md">
        <NumberInput label="Requests at once" maw="12rem" {...figure} {...props('concurrency')} description={`Those of one ${whose} together, on all edges`} inputWrapperOrder={['label', 'input', 'description', 'error']} />
      </Fieldset>
    </Stack>
  );
}
