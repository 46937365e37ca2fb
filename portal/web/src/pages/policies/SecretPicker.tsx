import { Select } from '@mantine/core';
import { useState } from 'react';
import { $api } from '@/api/client';
import { useMay } from '@/api/session';
import { SecretModal } from '@/pages/secrets/SecretModal';

const fresh = '\u0000new';

export interface SecretPickerProps {
  gateway: string;
  label: string;
  value: string;
  onChange: (name: string) => void;
  error?: string;
  disabled?: boolean;
  clearable?: boolean;
}

/** Chooses one of the gateway's secrets, or stores a new one. */
export function SecretPicker({ gateway, label, value, onChange, error, disabled, clearable }: SecretPickerProps) {
  const [making, setMaking] = useState(false);
  const may = useMay('secrets:write');
  const { data } = $api.useQuery('get', '/v1/gateways/{gateway}/secrets', { params: { path: { gateway }, query: { limit: 200 } } });
  const names = (data?.items ?? []).map((s) => s.name);
  if (value && !names.includes(value)) names.push(value);
  return (
    <>
      <Select
        aria-label={label}
        placeholder="Choose a secret"
        searchable
        clearable={clearable}
        disabled={disabled}
        error={error}
        value={value || null}
        data={[...names.map((n) => ({ value: n, label: n })), ...(may ? [{ value: fresh, label: 'New secret…' }] : [])]}
        onChange={(chosen) => (chosen === fresh ? setMaking(true) : onChange(chosen ?? ''))}
      />
      <SecretModal gateway={gateway} opened={making} onClose={() => setMaking(false)} onSaved={onChange} />
    </>
  );
}
