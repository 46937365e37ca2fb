import { ActionIcon, Button, Group, Menu, Paper, Stack, Text } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconPlus, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { SchemaForm, type SchemaFormProps } from './SchemaForm';
import { fieldsOf, type Config, type Schema } from './schema';

export interface ListEditorProps extends Pick<SchemaFormProps, 'gateway' | 'errorAt' | 'disabled'> {
  title: string;
  /** Of one item: an object. */
  item: Schema;
  root: Schema;
  pointer: string;
  value: Config[];
  onChange: (value: Config[]) => void;
}

const article = (name: string) => (/^[aeiou]/.test(name) ? 'an' : 'a');

/** Up to so many fields, all are shown at once. */
const FEW = 5;

/** A list of objects, a card each. Of many fields, those in use are shown and the others offered. */
export function ListEditor({ title, item, root, pointer, value, onChange, disabled, ...rest }: ListEditorProps) {
  const name = (item.title ?? 'Entry').toLowerCase();
  const move = (from: number, to: number) => {
    const next = [...value];
    next.splice(to, 0, ...next.splice(from, 1));
    onChange(next);
  };
  return (
    <Stack gap="sm">
      {value.map((one, i) => (
        <Paper key={i} withBorder p="sm" role="group" aria-label={`${title}: ${name} ${i + 1}`}>
          <Group justify="space-between" mb="xs" wrap="nowrap">
            <Text fw={600} size="sm" tt="capitalize">
              {name} {i + 1}
            </Text>
            {disabled ? null : (
              <Group gap={4} wrap="nowrap">
                <ActionIcon variant="subtle" color="gray" disabled={i === 0} aria-label={`Move ${name} ${i + 1} of ${title} up`} onClick={() => move(i, i - 1)}>
                  <IconArrowUp size={16} aria-hidden />
                </ActionIcon>
                <ActionIcon variant="subtle" color="gray" disabled={i === value.length - 1} aria-label={`Move ${name} ${i + 1} of ${title} down`} onClick={() => move(i, i + 1)}>
                  <IconArrowDown size={16} aria-hidden />
                </ActionIcon>
                <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${name} ${i + 1} from ${title}`} onClick={() => onChange(value.filter((_, j) => j !== i))}>
                  <IconTrash size={16} aria-hidden />
                </ActionIcon>
              </Group>
            )}
          </Group>
          {rest.errorAt(`${pointer}/${i}`, false) ? (
            <Text size="sm" c="var(--mantine-color-error)" mb="xs" role="alert">
              {rest.errorAt(`${pointer}/${i}`, false)}
            </Text>
          ) : null}
          <ItemForm
            what={`${name} ${i + 1} of ${title}`}
            schema={item}
            root={root}
            pointer={`${pointer}/${i}`}
            value={one}
            onChange={(next) => onChange(value.map((v, j) => (j === i ? next : v)))}
            disabled={disabled}
            {...rest}
          />
        </Paper>
      ))}
      {value.length === 0 && disabled ? <Text size="sm">None</Text> : null}
      {disabled ? null : (
        <Group>
          <Button size="compact-sm" variant="default" leftSection={<IconPlus size={14} aria-hidden />} aria-label={`Add ${article(name)} ${name} to ${title}`} onClick={() => onChange([...value, {}])}>
            Add {article(name)} {name}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

interface ItemFormProps extends SchemaFormProps {
  what: string;
}

function ItemForm({ what, schema, root, value, disabled, ...rest }: ItemFormProps) {
  const fields = fieldsOf(schema, root);
  const [asked, setAsked] = useState<string[]>([]);
  const shown = fields.filter((f) => fields.length <= FEW || f.required || f.key in value || asked.includes(f.key) || rest.errorAt(`${rest.pointer}/${f.key}`) !== undefined);
  const others = fields.filter((f) => !shown.includes(f));
  return (
    <Stack gap="sm">
      {shown.length > 0 ? <SchemaForm schema={schema} root={root} value={value} disabled={disabled} only={shown.map((f) => f.key)} {...rest} /> : null}
      {disabled || others.length === 0 ? null : (
        <Menu position="bottom-start" withinPortal>
          <Menu.Target>
            <Button size="compact-sm" variant="subtle" leftSection={<IconPlus size={14} aria-hidden />} aria-label={`Add a field to ${what}`} style={{ alignSelf: 'flex-start' }}>
              Add a field
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {others.map((f) => (
              <Menu.Item key={f.key} onClick={() => setAsked([...asked, f.key])}>
                {f.title}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </Stack>
  );
}
