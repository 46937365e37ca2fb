import { Autocomplete, Button, Collapse, Group, Pill, Select, SimpleGrid, TextInput } from '@mantine/core';
import { useDebouncedCallback, useDisclosure } from '@mantine/hooks';
import { IconAdjustmentsHorizontal, IconSearch } from '@tabler/icons-react';
import { useEffect, useState, type ReactNode } from 'react';
import { RemoteSelect } from '@/ui/RemoteSelect';
import { filterNames, statusPattern, type FilterName } from './query';

type Words = Record<string, string | undefined>;

export interface LogFiltersProps {
  gateway: string;
  words: Words;
  onChange: (change: Words) => void;
  /** Error codes that were seen, offered as choices. */
  codes: string[];
  /** Beside the filters: range, live tail, export. */
  children: ReactNode;
}

const titles: Record<FilterName, string> = {
  q: 'Text', status: 'Status', outcome: 'Outcome', method: 'Method', route: 'Route', consumer: 'Consumer', key: 'Key', code: 'Error code', path: 'Path begins with',
  client: 'Client', target: 'Target', request_id: 'Request',
};

/** What narrows the log. The most used stand open, the others behind a button; all that hold can be taken away one by one. */
export function LogFilters({ gateway, words, onChange, codes, children }: LogFiltersProps) {
  const [opened, more] = useDisclosure(false);
  const set = (name: FilterName) => (value: string | null) => onChange({ [name]: value ?? undefined });
  const holding = filterNames.filter((name) => words[name]);
  return (
    <>
      <Group gap="sm" mb="sm" align="flex-end">
        <Typed label="Search path, consumer or request id" bare type="search" icon value={words.q} onChange={set('q')} />
        <Status value={words.status} onChange={set('status')} />
        <Select
          aria-label="Outcome"
          placeholder="Any outcome"
          clearable
          w="11rem"
          data={[
            { value: 'refused', label: 'Refused by the edge' },
            { value: 'failed', label: 'Failed' },
            { value: 'ok', label: 'Answered' },
          ]}
          value={words.outcome ?? null}
          onChange={set('outcome')}
        />
        <Button variant="default" leftSection={<IconAdjustmentsHorizontal size={16} aria-hidden />} onClick={more.toggle} aria-expanded={opened}>
          More filters
        </Button>
        {children}
      </Group>
      <Collapse expanded={opened}>
        <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} mb="sm" className="tg-panel" p="md">
          <RemoteSelect gateway={gateway} kind="routes" label="Route" placeholder="Any" clearable value={words.route ?? ''} onChange={set('route')} />
          <RemoteSelect gateway={gateway} kind="consumers" label="Consumer" placeholder="Any" clearable value={words.consumer ?? ''} onChange={set('consumer')} />
          <Select
            label="Method"
            placeholder="Any"
            clearable
            searchable
            data={['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']}
            value={words.method ?? null}
            onChange={set('method')}
          />
          <Autocomplete label="Error code" placeholder="rate_limited" data={codes} value={words.code ?? ''} onChange={set('code')} />
          <Typed label="Path begins with" placeholder="/orders" value={words.path} onChange={set('path')} />
          <Typed label="Key id" placeholder="key_…" value={words.key} onChange={set('key')} />
          <Typed label="Client address" placeholder="203.0.113.7" value={words.client} onChange={set('client')} />
          <Typed label="Target" placeholder="http://…" value={words.target} onChange={set('target')} />
        </SimpleGrid>
      </Collapse>
      {holding.length > 0 ? (
        <Group gap={6} mb="sm">
          {holding.map((name) => (
            <Pill key={name} size="md" withRemoveButton removeButtonProps={{ 'aria-label': `Remove the filter ${titles[name]}`, tabIndex: 0, 'aria-hidden': false }} onRemove={() => onChange({ [name]: undefined })}>
              {titles[name]}: {words[name]}
            </Pill>
          ))}
          {holding.length > 1 ? (
            <Button variant="subtle" size="compact-sm" onClick={() => onChange(Object.fromEntries(filterNames.map((name) => [name, undefined])))}>
              Remove all
            </Button>
          ) : null}
        </Group>
      ) : null}
    </>
  );
}

interface TypedProps {
  label: string;
  placeholder?: string;
  value: string | undefined;
  onChange: (text: string) => void;
  type?: string;
  /** The label is only for screen readers. */
  bare?: boolean;
  icon?: boolean;
}

/** A field whose text holds a moment after the last stroke. */
function Typed({ label, placeholder, value = '', onChange, type, bare, icon }: TypedProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const tell = useDebouncedCallback(onChange, 300);
  return (
    <TextInput
      type={type}
      {...(bare ? { 'aria-label': label, placeholder: label, style: { flex: '1 1 16rem', maxWidth: '24rem' } } : { label, placeholder })}
      leftSection={icon ? <IconSearch size={16} aria-hidden /> : undefined}
      autoComplete="off"
      spellCheck={false}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        tell(event.currentTarget.value.trim());
      }}
    />
  );
}

const classesOfStatus = ['2xx', '3xx', '4xx', '5xx', '401', '403', '404', '429', '502', '503', '504'];

/** A status or a class of them; half a status narrows nothing yet. */
function Status({ value = '', onChange }: { value: string | undefined; onChange: (status: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <Autocomplete
      aria-label="Status"
      placeholder="Any status"
      data={classesOfStatus}
      w="8.5rem"
      maxLength={3}
      value={text}
      onChange={(next) => {
        setText(next);
        if (next === '' || statusPattern.test(next)) onChange(next);
      }}
    />
  );
}
