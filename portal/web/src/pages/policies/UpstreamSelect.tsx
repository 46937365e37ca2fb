import { Select, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { $api } from '@/api/client';
import { steady } from '@/api/queries';
import { TextLink } from '@/ui/LinkTo';

interface UpstreamSelectProps {
  gateway: string;
  label?: string;
  description?: React.ReactNode;
  required?: boolean;
  value: string;
  onChange: (name: string) => void;
  error?: string;
  disabled: boolean;
}

/** Chooses an upstream; the server searches, so that thousands are no matter. */
export function UpstreamSelect({ gateway, label = 'Upstream', description, required, value, onChange, error, disabled }: UpstreamSelectProps) {
  const [text, setText] = useState('');
  const [q] = useDebouncedValue(text === value ? '' : text, 200);
  const { data } = $api.useQuery(
    'get',
    '/v1/gateways/{gateway}/upstreams',
    { params: { path: { gateway }, query: { limit: 50, q: q || undefined } } },
    { ...steady },
  );
  const names = (data?.items ?? []).map((u) => u.name);
  if (value && !names.includes(value)) names.unshift(value);
  return (
    <div>
      <Select
        label={label}
        description={description}
        withAsterisk={required}
        placeholder="None"
        searchable
        clearable
        filter={({ options }) => options}
        searchValue={text}
        onSearchChange={setText}
        data={names}
        value={value || null}
        onChange={(name) => onChange(name ?? '')}
        error={error}
        disabled={disabled}
        nothingFoundMessage="No upstream of that name"
      />
      {disabled ? null : (
        <Text size="sm" mt={4}>
          <TextLink to="/gateways/$gw/new-upstream" params={{ gw: gateway }}>
            New upstream
          </TextLink>
        </Text>
      )}
    </div>
  );
}
