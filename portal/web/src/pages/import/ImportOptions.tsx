import { Checkbox, Collapse, JsonInput, Select, SimpleGrid, Stack, TextInput, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';

/** What a text leaves open, by the API's names. */
export type Options = Record<string, unknown>;

export interface ImportOptionsProps {
  format: 'openapi' | 'nginx';
  options: Options;
  onChange: (options: Options) => void;
}

const example = '{"schemes": {"bearer": {"type": "jwt", "config": {"issuer": "https://login.example.com", "audiences": ["api"]}}}}';

/** The options of an import: the common ones as fields, the others as JSON. */
export function ImportOptions({ format, options, onChange }: ImportOptionsProps) {
  const [opened, { toggle }] = useDisclosure(false);
  const [more, setMore] = useState('');
  const [known, setKnown] = useState<Options>({});
  const [wrong, setWrong] = useState<string>();
  const put = (name: string, value: unknown) => {
    const next = { ...options };
    if (value === '' || value === null || value === false) delete next[name];
    else next[name] = value;
    onChange(next);
  };
  const text = (name: string) => (typeof options[name] === 'string' ? options[name] : '');
  const field = (name: string) => ({ value: text(name), onChange: (event: { currentTarget: { value: string } }) => put(name, event.currentTarget.value) });
  const choice = (name: string, ...data: [string, string][]) => ({
    value: text(name) || (data[0]?.[0] ?? ''),
    onChange: (v: string | null) => put(name, v === data[0]?.[0] ? '' : v),
    data: data.map(([value, label]) => ({ value, label })),
    allowDeselect: false,
  });
  const readMore = (value: string) => {
    setMore(value);
    const next = { ...options };
    for (const name of Object.keys(known)) delete next[name];
    try {
      const parsed: unknown = value.trim() === '' ? {} : JSON.parse(value);
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error();
      setKnown(parsed as Options);
      setWrong(undefined);
      onChange({ ...next, ...(parsed as Options) });
    } catch {
      setKnown({});
      setWrong('Is a JSON object, such as {"aws": {"region": "eu-central-1"}}');
      onChange(next);
    }
  };
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label="Upstream"
          description={format === 'openapi' ? 'An upstream of this gateway, or an address. Empty: the document’s server.' : 'An upstream of this gateway. Empty: the upstream blocks.'}
          placeholder={format === 'openapi' ? 'https://api.internal.example.com' : 'backend'}
          {...field('upstream')}
        />
        <TextInput label="Prefix" description="Stands before every path; your backend does not see it." placeholder="/shop" {...field('prefix')} />
        <Select
          label="Routes and upstreams that the text does not have"
          {...choice('existing', ['keep', 'Stay'], ['remove', 'Are removed'])}
        />
        {format === 'openapi' ? (
          <Select label="Parameters and bodies" {...choice('validation', ['refuse', 'Bad ones are refused'], ['report', 'Bad ones are noted'], ['off', 'Are not looked at'])} />
        ) : null}
        {format === 'openapi' ? <Select label="Answers" {...choice('mode', ['proxy', 'From the backend'], ['mock', 'From the document’s examples'])} /> : null}
      </SimpleGrid>
      <Checkbox
        label="Leave out operations that are refused"
        description="Their requests are answered with 403."
        checked={options['skip_refused'] === true}
        onChange={(event) => put('skip_refused', event.currentTarget.checked)}
      />
      <UnstyledButton onClick={toggle} aria-expanded={opened} fz="sm" c="var(--mantine-color-anchor)" w="fit-content">
        {opened ? 'Fewer options' : 'More options'}
      </UnstyledButton>
      <Collapse expanded={opened}>
        <JsonInput
          label="Other options"
          description="Policies of security schemes, what belongs to an AWS account, a server to choose: see the documentation."
          placeholder={example}
          value={more}
          onChange={readMore}
          error={wrong}
          autosize
          minRows={3}
          maxRows={12}
        />
      </Collapse>
    </Stack>
  );
}
