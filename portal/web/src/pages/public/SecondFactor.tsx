import { Anchor, Button, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { ProblemNote, useApiForm } from '@/ui';
import { AuthCard } from './AuthCard';

export interface SecondFactorProps {
  onEntered: (me: Schemas['Me']) => Promise<void>;
  onBack: () => void;
}

/** The second step of signing in: a code of the app, or a recovery code. */
export function SecondFactor({ onEntered, onBack }: SecondFactorProps) {
  const [recovery, setRecovery] = useState(false);
  const { form, problem, busy, submit } = useApiForm({
    initialValues: { code: '' },
    rename: { '/recovery_code': 'code' },
    save: async ({ code }) => {
      const word = code.replace(/\s/g, '');
      const { data } = await api.POST('/v1/login/second-factor', { body: recovery ? { recovery_code: word } : { code: word } });
      if (data) await onEntered(data);
    },
  });
  return (
    <AuthCard
      title="Second step"
      text={recovery ? 'Enter one of the recovery codes that you kept. Each works once.' : 'Enter the code that your authenticator app shows.'}
      below={
        <Anchor component="button" type="button" inherit underline="always" onClick={onBack}>
          Sign in as somebody else
        </Anchor>
      }
    >
      <form onSubmit={submit} noValidate>
        <Stack mt="lg">
          <TextInput
            key={recovery ? 'recovery' : 'code'}
            label={recovery ? 'Recovery code' : 'Code'}
            autoComplete="one-time-code"
            inputMode={recovery ? 'text' : 'numeric'}
            autoFocus
            classNames={{ input: 'tg-mono' }}
            {...form.getInputProps('code')}
          />
          <ProblemNote problem={form.errors.code ? undefined : problem} rest={[]} />
          <Button type="submit" loading={busy} fullWidth>
            Sign in
          </Button>
          <Anchor
            component="button"
            type="button"
            size="sm"
            underline="always"
            onClick={() => {
              form.reset();
              setRecovery(!recovery);
            }}
          >
            {recovery ? 'Use the authenticator app' : 'Use a recovery code'}
          </Anchor>
        </Stack>
      </form>
    </AuthCard>
  );
}
