import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { $api } from '@/api/client';
import { steady } from '@/api/queries';

export interface PickNameProps {
  gateway: string;
  of: 'routes' | 'consumers' | 'usage-plans';
  label: string;
  description?: string;
  /** What stands there while nothing is chosen, such as "All routes". */
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
  error?: React.ReactNode;
  required?: boolean;
}

/** Chooses one resource of the gateway by its name; the server searches. */
export function PickName({ gateway, of, value, onChange, ...field }: PickNameProps) {
  const [text, setText] = useState('');
  const [q] = useDebouncedValue(text === value ? '' : text, 250);
  const { data } = $api.useQuery(
    'get',
    `/v1/gateways/{gateway}/${of}` as '/v1/gateways/{gateway}/routes',
    { params: { path: { gateway }, query: { limit: 50, ...(q ? { q } : {}) } } },
    steady,
  );
  const names = data?.items.map((item) => item.name) ?? [];
  return (
    <Select
      {...field}
      data={value && !names.includes(value) ? [value, ...names] : names}
      value={value || null}
      onChange={(chosen) => onChange(chosen ?? '')}
      searchable
      clearable={!field.required}
      clearButtonProps={{ 'aria-label': `Clear: ${field.label}` }}
      onSearchChange={setText}
      filter={({ options }) => options}
      nothingFoundMessage="Nothing has this name"
    />
  );
}
