import { Button, Fieldset, Input, MultiSelect, NumberInput, Select, Stack, Switch, TagsInput, Textarea, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useEffect, useId, useState } from 'react';
import { parse, print, sameJSON } from '@/ui/code/text';
import { FieldsEditor } from './FieldsEditor';
import { ListEditor } from './ListEditor';
import { SecretPicker } from './SecretPicker';
import { UpstreamSelect } from './UpstreamSelect';
import { fieldsOf, shownValue, withField, type Config, type Field, type Schema } from './schema';

export interface SchemaFormProps {
  schema: Schema;
  value: Config;
  onChange: (value: Config) => void;
  gateway: string;
  /** What the API says of a pointer into the config and, unless `deep` is false, of what lies below it. */
  errorAt: (pointer: string, deep?: boolean) => string | undefined;
  disabled?: boolean;
  /** Where references in the schema lead. */
  root?: Schema;
  pointer?: string;
  /** The fields to show; all when it is left out. */
  only?: string[];
}

const escape = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** A form made from a JSON Schema: titles, explanations, defaults and examples are the schema's; what must be given comes first. */
export function SchemaForm({ schema, root = schema, value, onChange, pointer = '', only, ...rest }: SchemaFormProps) {
  const fields = fieldsOf(schema, root).filter((field) => only === undefined || only.includes(field.key));
  return (
    <Stack gap="md">
      {fields.toSorted((a, b) => Number(b.required) - Number(a.required)).map((field) => (
        <SchemaField
          key={field.key}
          field={field}
          root={root}
          value={shownValue(value, field)}
          pointer={`${pointer}/${escape(field.key)}`}
          onChange={(next) => onChange(withField(value, field, next))}
          {...rest}
        />
      ))}
    </Stack>
  );
}

interface SchemaFieldProps extends Omit<SchemaFormProps, 'schema' | 'value' | 'onChange' | 'root' | 'pointer'> {
  field: Field;
  root: Schema;
  value: unknown;
  pointer: string;
  onChange: (value: unknown) => void;
}

const words = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function SchemaField({ field, root, value, pointer, onChange, gateway, errorAt, disabled }: SchemaFieldProps) {
  const { schema, title, placeholder } = field;
  const description = field.description ? <Prose text={field.description} /> : undefined;
  const plain = { label: title, description, disabled, error: errorAt(pointer) };
  const common = { ...plain, withAsterisk: field.required };
  // What lies below is said at the fields that a group shows.
  const group = { ...common, error: errorAt(pointer, false) };
  switch (field.widget) {
    case 'switch':
      return <Switch {...plain} checked={value === true} onChange={(e) => onChange(e.currentTarget.checked)} />;
    case 'number':
      return (
        <NumberInput
          {...common}
          placeholder={placeholder}
          value={typeof value === 'number' ? value : ''}
          onChange={(next) => onChange(next === '' ? undefined : Number(next))}
          allowDecimal={schema.type === 'number'}
          thousandSeparator=","
          maw="18rem"
        />
      );
    case 'select':
      return (
        <Select
          {...common}
          placeholder={placeholder}
          data={(schema.enum ?? []).map(String).filter(Boolean)}
          value={value === undefined || value === '' ? null : String(value)}
          onChange={(next) => onChange((schema.enum ?? []).find((e) => String(e) === next))}
          allowDeselect={!field.required}
          maw="18rem"
        />
      );
    case 'choices':
      return <MultiSelect {...common} data={(schema.items?.enum ?? []).map(String)} value={words(value)} onChange={onChange} />;
    case 'tags':
      return <TagsInput {...common} placeholder={words(value).length === 0 ? (placeholder ?? 'Value, then Enter') : undefined} value={words(value)} onChange={onChange} splitChars={[',', ' ']} />;
    case 'fields':
      return (
        <Group {...group}>
          <FieldsEditor
            title={title}
            value={(value ?? {}) as Record<string, string>}
            onChange={onChange}
            secrets={field.secrets}
            lists={field.lists}
            gateway={gateway}
            errorAt={(name) => errorAt(`${pointer}/${escape(name)}`)}
            disabled={disabled}
          />
        </Group>
      );
    case 'list':
      return (
        <Group {...group}>
          <ListEditor
            title={title}
            item={schema.items ?? {}}
            root={root}
            pointer={pointer}
            value={Array.isArray(value) ? (value as Config[]) : []}
            onChange={onChange}
            gateway={gateway}
            errorAt={errorAt}
            disabled={disabled}
          />
        </Group>
      );
    case 'secretRef': {
      const { secret = '' } = (value ?? {}) as { secret?: string };
      return (
        <Group {...common} error={undefined}>
          <SecretPicker
            gateway={gateway}
            label={title}
            value={secret}
            onChange={(name) => onChange(name ? { secret: name } : undefined)}
            error={errorAt(pointer)}
            disabled={disabled}
            clearable={!field.required}
          />
        </Group>
      );
    }
    case 'group':
      return (
        <Part field={field} given={value !== undefined || errorAt(pointer) !== undefined} description={description} onRemove={() => onChange(undefined)} disabled={disabled}>
          {group.error ? (
            <Input.Error mb="sm" role="alert">
              {group.error}
            </Input.Error>
          ) : null}
          <SchemaForm
            schema={schema}
            root={root}
            value={(value ?? {}) as Config}
            onChange={onChange}
            gateway={gateway}
            errorAt={errorAt}
            disabled={disabled}
            pointer={pointer}
          />
        </Part>
      );
    case 'secret':
      return (
        <Group {...common} error={undefined}>
          <SecretPicker gateway={gateway} label={title} value={typeof value === 'string' ? value : ''} onChange={onChange} error={errorAt(pointer)} disabled={disabled} clearable />
        </Group>
      );
    case 'upstream':
      return <UpstreamSelect {...plain} gateway={gateway} required={field.required} value={typeof value === 'string' ? value : ''} onChange={(name) => onChange(name || undefined)} disabled={disabled ?? false} />;
    case 'code':
      return <Textarea {...common} autosize minRows={3} maxRows={16} value={String(value ?? '')} onChange={(e) => onChange(e.currentTarget.value)} classNames={{ input: 'tg-mono' }} spellCheck={false} />;
    case 'json':
      return <JSONField {...common} example={schema.examples?.[0]} value={value} onChange={onChange} />;
    case 'duration':
    case 'text':
      return (
        <TextInput
          {...common}
          placeholder={placeholder}
          value={typeof value === 'string' ? value : ''}
          onChange={(e) => onChange(e.currentTarget.value)}
          spellCheck={false}
          maw={field.widget === 'duration' ? '18rem' : undefined}
        />
      );
  }
}

interface PartProps {
  field: Field;
  /** Something is set in it, or wrong with it. */
  given: boolean;
  description: React.ReactNode;
  onRemove: () => void;
  disabled?: boolean;
  children: React.ReactNode;
}

/** The fields of an object. One that may be missing, and has fields that may not, is there once it is asked for. */
function Part({ field, given, description, onRemove, disabled, children }: PartProps) {
  const [asked, setAsked] = useState(false);
  const { title, schema, required } = field;
  const optional = !required && schema.default === undefined && (schema.required?.length ?? 0) > 0;
  if (optional && !given && !asked) {
    return (
      <Group label={title} description={description} withAsterisk={false}>
        <Button size="compact-sm" variant="default" leftSection={<IconPlus size={14} aria-hidden />} aria-label={`Add: ${title}`} disabled={disabled} onClick={() => setAsked(true)}>
          Add
        </Button>
      </Group>
    );
  }
  return (
    <Fieldset legend={title} disabled={disabled}>
      {description ? <Input.Description mb="sm">{description}</Input.Description> : null}
      {children}
      {optional && !disabled ? (
        <Button
          size="compact-sm"
          variant="subtle"
          color="gray"
          mt="sm"
          aria-label={`Leave out: ${title}`}
          onClick={() => {
            setAsked(false);
            onRemove();
          }}
        >
          Leave out
        </Button>
      ) : null}
    </Fieldset>
  );
}

/** A schema's sentence: what stands between backticks is code. */
function Prose({ text }: { text?: string }) {
  if (!text?.includes('`')) return text;
  return text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
}

interface GroupProps {
  label: string;
  description?: React.ReactNode;
  error?: string;
  withAsterisk: boolean;
  children: React.ReactNode;
}

function Group({ label, description, error, withAsterisk, children }: GroupProps) {
  const id = useId();
  return (
    <div role="group" aria-labelledby={id}>
      <Input.Label id={id} component="div" labelElement="div" required={withAsterisk}>
        {label}
      </Input.Label>
      {description ? <Input.Description mb={6}>{description}</Input.Description> : null}
      {children}
      {error ? (
        <Input.Error mt={6} role="alert">
          {error}
        </Input.Error>
      ) : null}
    </div>
  );
}

interface JSONFieldProps {
  label: string;
  description?: React.ReactNode;
  error?: string;
  disabled?: boolean;
  withAsterisk: boolean;
  example: unknown;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** Any JSON value. What can't be read stays in the field and is not taken over. */
function JSONField({ value, onChange, error, example, ...rest }: JSONFieldProps) {
  const shown = (v: unknown) => (v === undefined ? '' : print(v, 'json').trimEnd());
  const [text, setText] = useState(() => shown(value));
  const [wrong, setWrong] = useState<string>();
  useEffect(() => {
    setText((now) => {
      const read = now.trim() === '' ? { value: undefined } : parse(now, 'json');
      return 'error' in read || sameJSON(read.value, value) ? now : shown(value);
    });
  }, [value]);
  return (
    <Textarea
      {...rest}
      autosize
      minRows={3}
      maxRows={16}
      classNames={{ input: 'tg-mono' }}
      spellCheck={false}
      placeholder={example === undefined ? undefined : `such as ${JSON.stringify(example)}`}
      error={wrong ?? error}
      value={text}
      onChange={(e) => {
        const next = e.currentTarget.value;
        setText(next);
        if (next.trim() === '') {
          setWrong(undefined);
          return onChange(undefined);
        }
        const read = parse(next, 'json');
        setWrong('error' in read ? read.error : undefined);
        if ('value' in read) onChange(read.value);
      }}
    />
  );
}
