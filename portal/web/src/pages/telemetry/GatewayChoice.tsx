import { MultiSelect } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { $api } from '@/api/client';
import { steady } from '@/api/queries';
import type { DestinationForm } from './form';

/** Which gateways' telemetry is sent; none chosen: that of all. */
export function GatewayChoice({ form }: { form: UseFormReturnType<DestinationForm> }) {
  const { gateways } = form.values;
  const [text, setText] = useState('');
  const [q] = useDebouncedValue(text, 250);
  const { data } = $api.useQuery('get', '/v1/gateways', { params: { query: { limit: 50, ...(q ? { q } : {}) } } }, steady);
  const found = (data?.items ?? []).filter((g) => !gateways.includes(g.id)).map((g) => g.name);
  // What the API says of one of them stands at the whole field.
  const error = form.errors.gateways ?? gateways.map((_, i) => form.errors[`gateways.${i}`]).find((e) => e !== undefined);
  return (
    <MultiSelect
      label="Gateways"
      placeholder={gateways.length === 0 ? 'All gateways, also those to come' : undefined}
      data={[...new Set([...gateways, ...found])]}
      value={gateways}
      onChange={(chosen) => form.setFieldValue('gateways', chosen)}
      error={error}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': 'Clear: Gateways' }}
      onSearchChange={setText}
      filter={({ options }) => options}
      nothingFoundMessage="No gateway has this name"
    />
  );
}
