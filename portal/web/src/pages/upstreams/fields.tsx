import { NumberInput, TextInput } from '@mantine/core';

export interface DurationFieldProps {
  label: string;
  description?: string;
  placeholder: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  error?: string;
  disabled: boolean;
}

export function DurationField({ value, onChange, ...rest }: DurationFieldProps) {
  return <TextInput {...rest} value={value ?? ''} onChange={(e) => onChange(e.currentTarget.value || undefined)} spellCheck={false} />;
}

export function CountField({ value, onChange, ...rest }: Omit<DurationFieldProps, 'value' | 'onChange'> & { value: number | undefined; onChange: (value: number | undefined) => void }) {
  return <NumberInput {...rest} min={0} value={value ?? ''} onChange={(v) => onChange(v === '' ? undefined : Number(v))} />;
}
