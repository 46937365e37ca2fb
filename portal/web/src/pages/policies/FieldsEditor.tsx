import { ActionIcon, Button, Group, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { sameJSON } from '@/ui/code/text';
import { SecretPicker } from './SecretPicker';

type Value = string | string[] | { secret: string };
type Values = Record<string, Value>;

export interface FieldsEditorProps {
  title: string;
  value: Values;
  onChange: (value: Values) => void;
  /** Values may refer to a secret of this gateway. */
  secrets: boolean;
  /** Values may be lists. */
  lists: boolean;
  gateway: string;
  errorAt: (name: string) => string | undefined;
  disabled?: boolean;
}

interface Row {
  name: string;
  value: Value;
}

const rowsOf = (values: Values): Row[] => Object.entries(values).map(([name, value]) => ({ name, value }));
/** Rows without a name are still being written; of two with one name the last counts. */
const valuesOf = (rows: Row[]): Values => Object.fromEntries(rows.filter((r) => r.name !== '').map((r) => [r.name, r.value]));

/** Names with values, one row each. */
export function FieldsEditor({ title, value, onChange, secrets, lists, gateway, errorAt, disabled }: FieldsEditorProps) {
  const [rows, setRows] = useState(() => rowsOf(value));
  useEffect(() => {
    setRows((now) => (sameJSON(valuesOf(now), value) ? now : rowsOf(value)));
  }, [value]);
  const change = (next: Row[]) => {
    setRows(next);
    onChange(valuesOf(next));
  };
  const set = (i: number, row: Partial<Row>) => change(rows.map((r, j) => (j === i ? { ...r, ...row } : r)));
  return (
    <Stack gap="xs">
      {rows.map((row, i) => {
        const twice = row.name !== '' && rows.findIndex((r) => r.name === row.name) !== i;
        const which = row.name || `row ${i + 1}`;
        return (
          <Group key={i} gap="xs" align="flex-start" wrap="wrap">
            <TextInput
              aria-label={`${title}: name in row ${i + 1}`}
              placeholder="Name"
              value={row.name}
              onChange={(e) => set(i, { name: e.currentTarget.value })}
              error={twice ? 'This name stands above already.' : undefined}
              spellCheck={false}
              disabled={disabled}
              style={{ flex: '1 1 9rem' }}
            />
            {secrets ? (
              <Select
                aria-label={`${title}: kind of ${which}`}
                w={104}
                allowDeselect={false}
                disabled={disabled}
                data={[
                  { value: 'text', label: 'Text' },
                  { value: 'secret', label: 'Secret' },
                ]}
                value={typeof row.value === 'string' ? 'text' : 'secret'}
                onChange={(kind) => set(i, { value: kind === 'secret' ? { secret: '' } : '' })}
              />
            ) : null}
            <div style={{ flex: '2 1 12rem', minWidth: 0 }}>
              {Array.isArray(row.value) || (lists && typeof row.value === 'string') ? (
                <TagsInput
                  aria-label={`${title}: values of ${which}`}
                  placeholder="Value, then Enter"
                  value={Array.isArray(row.value) ? row.value : row.value === '' ? [] : [row.value as string]}
                  onChange={(next) => set(i, { value: next.length === 1 ? (next[0] ?? '') : next })}
                  error={errorAt(row.name)}
                  disabled={disabled}
                />
              ) : typeof row.value === 'string' ? (
                <TextInput
                  aria-label={`${title}: value of ${which}`}
                  placeholder="Value"
                  value={row.value}
                  onChange={(e) => set(i, { value: e.currentTarget.value })}
                  error={errorAt(row.name)}
                  spellCheck={false}
                  disabled={disabled}
                />
              ) : (
                <SecretPicker
                  gateway={gateway}
                  label={`${title}: secret of ${which}`}
                  value={row.value.secret}
                  onChange={(secret) => set(i, { value: { secret } })}
                  error={errorAt(row.name)}
                  disabled={disabled}
                />
              )}
            </div>
            {disabled ? null : (
              <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Remove ${which} from ${title}`} onClick={() => change(rows.filter((_, j) => j !== i))}>
                <IconTrash size={16} aria-hidden />
              </ActionIcon>
            )}
          </Group>
        );
      })}
      {rows.length === 0 && disabled ? <Text size="sm">None</Text> : null}
      {disabled ? null : (
        <Group>
          <Button size="compact-sm" variant="default" aria-label={`Add a row to ${title}`} leftSection={<IconPlus size={14} aria-hidden />} onClick={() => setRows([...rows, { name: '', value: '' }])}>
            Add a row
          </Button>
        </Group>
      )}
    </Stack>
  );
}
