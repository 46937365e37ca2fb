import { Button, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { ProblemNote } from '@/ui/ProblemNote';
import { useApiForm } from '@/ui/useApiForm';
import { Card } from '../Card';
import { api, here } from '../client';
import { To } from '../links';

export default function ForgotPage() {
  const [sent, setSent] = useState(false);
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { email: '' },
    save: async (body) => {
      await api.POST('/v1/developer/{label}/password/forgot', { params: here, body });
      setSent(true);
    },
  });
  if (sent) return <Card title="Look into your mail" text="If there is an account with this address, a mail with a link is on its way." below={<To page="/login" underline="always">To the sign-in</To>} />;
  return (
    <Card title="Forgot your password?" text="We send you a link to set a new one." below={<To page="/login" underline="always">Back to the sign-in</To>}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <TextInput label="E-mail address" type="email" autoComplete="username" {...form.getInputProps('email')} />
          <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
          <Button type="submit" loading={busy}>
            Send the link
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
