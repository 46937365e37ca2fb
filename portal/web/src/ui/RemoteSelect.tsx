import { Select, type SelectProps } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/client';

/** Lists of a gateway that something can be chosen from by name, searched by the API. */
export type Choices = 'consumers' | 'usage-plans' | 'routes';

async function namesOf(kind: Choices, gateway: string, q: string, signal: AbortSignal): Promise<string[]> {
  const params = { path: { gateway }, query: { limit: 20, q: q || undefined, sort: 'name' as const } };
  const { data } = await (kind === 'consumers'
    ? api.GET('/v1/gateways/{gateway}/consumers', { params, signal })
    : kind === 'routes'
      ? api.GET('/v1/gateways/{gateway}/routes', { params, signal })
      : api.GET('/v1/gateways/{gateway}/usage-plans', { params, signal }));
  return (data?.items ?? []).flatMap((item) => item.name ?? []);
}

/** The first names that hold a text. */
export function useNames(kind: Choices, gateway: string, q: string) {
  return useQuery({
    queryKey: ['get', `/v1/gateways/{gateway}/${kind}`, gateway, 'names', q],
    queryFn: ({ signal }) => namesOf(kind, gateway, q, signal),
    placeholderData: keepPreviousData,
  });
}

export interface RemoteSelectProps extends Omit<SelectProps, 'data' | 'value' | 'onChange' | 'searchable'> {
  gateway: string;
  kind: Choices;
  value?: string;
  /** An empty text for nothing. */
  onChange: (name: string) => void;
}

/** Chooses one of a list of any length by name; the API searches. */
export function RemoteSelect({ gateway, kind, value = '', onChange, ...rest }: RemoteSelectProps) {
  const [search, setSearch] = useState(value);
  const [asked] = useDebouncedValue(search === value ? '' : search, 200);
  const { data = [], isFetching, error } = useNames(kind, gateway, asked);
  // What is chosen is always among the choices, whatever is being searched.
  const names = value && !data.includes(value) ? [value, ...data] : data;
  return (
    <Select
      {...rest}
      data={names}
      value={value || null}
      onChange={(name) => onChange(name ?? '')}
      searchable
      openOnFocus={false}
      searchValue={search}
      onSearchChange={setSearch}
      filter={({ options }) => options}
      nothingFoundMessage={error ? 'The list could not be read' : isFetching ? 'Searching' : 'Nothing has this name'}
      comboboxProps={{ shadow: 'md' }}
    />
  );
}
