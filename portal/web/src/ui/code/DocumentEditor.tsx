import { Group, SegmentedControl, Skeleton, Stack, Text } from '@mantine/core';
import { lazy, Suspense, useEffect, useState } from 'react';
import { parse, print, synced, type Format } from './text';

const CodeEditor = lazy(() => import('./CodeEditor'));

export interface DocumentEditorProps {
  label: string;
  value: unknown;
  /** Told every value that the text means; not while it has a mistake. */
  onChange: (value: Record<string, unknown>) => void;
  readOnly?: boolean;
}

/** A resource as YAML or JSON, in step with the form beside it. */
export function DocumentEditor({ label, value, onChange, readOnly }: DocumentEditorProps) {
  const [format, setFormat] = useState<Format>('yaml');
  const [text, setText] = useState(() => print(value, 'yaml'));
  const [wrong, setWrong] = useState<string>();
  useEffect(() => {
    // While the text has a mistake it stays: it is being written.
    setText((now) => ('error' in parse(now, format) ? now : synced(now, format, value)));
  }, [value, format]);
  const edit = (next: string) => {
    setText(next);
    const read = parse(next, format);
    if ('error' in read) return setWrong(read.line === undefined ? read.error : `Line ${read.line}: ${read.error}`);
    if (read.value === null || typeof read.value !== 'object' || Array.isArray(read.value)) return setWrong('It must be an object: names with values.');
    setWrong(undefined);
    onChange(read.value as Record<string, unknown>);
  };
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <SegmentedControl
          size="xs"
          aria-label="Format"
          value={format}
          onChange={(next) => {
            setFormat(next as Format);
            setText(print(value, next as Format));
            setWrong(undefined);
          }}
          data={[
            { value: 'yaml', label: 'YAML' },
            { value: 'json', label: 'JSON' },
          ]}
        />
      </Group>
      <Suspense fallback={<Skeleton height="14rem" />}>
        <CodeEditor label={label} value={text} format={format} onChange={edit} readOnly={readOnly} />
      </Suspense>
      <Text size="sm" c="var(--mantine-color-error)" role="status" mih={22}>
        {wrong ?? ''}
      </Text>
    </Stack>
  );
}
