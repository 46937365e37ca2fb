import { Select, Stack, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { expiries, expiryOf, localMinute, momentOf } from './expiry';

export interface ExpiryFieldProps {
  label?: string;
  description?: ReactNode;
  /** A moment of the API, or an empty text for never. */
  value?: string;
  onChange: (time: string) => void;
  error?: ReactNode;
}

/** Chooses when something stops working: never, in so many days, or at a moment. */
export function ExpiryField({ label = 'Expires', description, value = '', onChange, error }: ExpiryFieldProps) {
  const [choice, setChoice] = useState(value === '' ? 'never' : 'at');
  const own = choice === 'at';
  return (
    <Stack gap="xs">
      <Select
        label={label}
        description={description}
        data={expiries.map((e) => ({ value: e.value, label: e.label }))}
        allowDeselect={false}
        value={choice}
        onChange={(next) => {
          setChoice(next ?? 'never');
          onChange(next === 'at' ? value : expiryOf(next ?? 'never'));
        }}
        error={own ? undefined : error}
      />
      {own ? (
        <TextInput
          type="datetime-local"
          aria-label={`${label} at`}
          value={localMinute(value)}
          onChange={(event) => onChange(momentOf(event.currentTarget.value))}
          error={error}
        />
      ) : null}
    </Stack>
  );
}
