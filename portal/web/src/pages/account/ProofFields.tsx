import { PasswordInput, Stack, TextInput } from '@mantine/core';
import type { GetInputPropsReturnType } from '@mantine/form';
import { useMe } from '@/api/session';

/** What a form of a proof holds; spread it into the form's initial values. */
export const noProof = { current_password: '', code: '' };

/** The body of a proof: only what the account has. */
export function proofOf(values: { current_password: string; code: string }): { current_password?: string; code?: string } {
  return { current_password: values.current_password || undefined, code: values.code.replace(/\s/g, '') || undefined };
}

/** Asks whoever sits here to show that they are the user: password, code, or both. */
export function ProofFields({ form }: { form: { getInputProps: (path: 'current_password' | 'code') => GetInputPropsReturnType } }) {
  const user = useMe()?.user;
  if (!user) return null;
  return (
    <Stack gap="sm">
      {user.has_password ? (
        <PasswordInput label="Your password" autoComplete="current-password" {...form.getInputProps('current_password')} />
      ) : null}
      {user.second_factor ? (
        <TextInput
          label="Code"
          description="Of your authenticator app, or a recovery code"
          autoComplete="one-time-code"
          inputMode="numeric"
          {...form.getInputProps('code')}
        />
      ) : null}
    </Stack>
  );
}
