import { ActionIcon, Button, Group, Input, Select, Stack, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useId } from 'react';
import { fieldWith, testOf, valueOf, type FieldMatch, type Test } from './match';

const tests: { value: Test; label: string }[] = [
  { value: 'exact', label: 'is' },
  { value: 'prefix', label: 'begins with' },
  { value: 'regex', label: 'matches (RE2)' },
  { value: 'present', label: 'is there' },
  { value: 'absent', label: 'is not there' },
];

export interface FieldMatchesProps {
  label: string;
  description: string;
  /** One of them: "header field", "parameter", "claim". */
  one: string;
  value: FieldMatch[];
  onChange: (value: FieldMatch[]) => void;
  errorAt: (pointer: string) => string | undefined;
  disabled: boolean;
}

/** Conditions on header fields, query parameters or claims; all of them must hold. */
export function FieldMatches({ label, description, one, value, onChange, errorAt, disabled }: FieldMatchesProps) {
  const id = useId();
  const set = (i: number, field: FieldMatch) => onChange(value.map((f, j) => (j === i ? field : f)));
  return (
    <div role="group" aria-labelledby={id}>
      <Input.Label id={id} component="div" labelElement="div">
        {label}
      </Input.Label>
      <Input.Description mb={6}>{description}</Input.Description>
      <Stack gap="xs">
        {value.map((field, i) => {
          const test = testOf(field);
          return (
            <Group key={i} gap="xs" align="flex-start">
              <TextInput
                aria-label={`Name of ${one} ${i + 1}`}
                placeholder="Name"
                value={field.name}
                onChange={(e) => set(i, fieldWith(e.currentTarget.value, test, valueOf(field)))}
                error={errorAt(`/${i}/name`)}
                spellCheck={false}
                disabled={disabled}
                style={{ flex: '1 1 9rem' }}
              />
              <Select
                aria-label={`Test of ${one} ${i + 1}`}
                w={150}
                data={tests}
                value={test}
                allowDeselect={false}
                onChange={(t) => set(i, fieldWith(field.name, t as Test, valueOf(field)))}
                disabled={disabled}
              />
              {test === 'present' || test === 'absent' ? null : (
                <TextInput
                  aria-label={`Value of ${one} ${i + 1}`}
                  placeholder="Value"
                  value={valueOf(field)}
                  onChange={(e) => set(i, fieldWith(field.name, test, e.currentTarget.value))}
                  error={errorAt(`/${i}/${test}`) ?? errorAt(`/${i}`)}
                  spellCheck={false}
                  disabled={disabled}
                  style={{ flex: '2 1 10rem' }}
                />
              )}
              {disabled ? null : (
                <ActionIcon size="lg" variant="subtle" color="gray" aria-label={`Remove ${one} ${i + 1}`} onClick={() => onChange(value.filter((_, j) => j !== i))}>
                  <IconTrash size={16} aria-hidden />
                </ActionIcon>
              )}
            </Group>
          );
        })}
        {disabled ? null : (
          <Group>
            <Button size="compact-sm" variant="default" leftSection={<IconPlus size={14} aria-hidden />} onClick={() => onChange([...value, { name: '', exact: '' }])}>
              Add a {one}
            </Button>
          </Group>
        )}
      </Stack>
    </div>
  );
}
