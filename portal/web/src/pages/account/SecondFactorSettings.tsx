import { Button, Group, Modal, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { api, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { CopyIcon, CopyText, done, ProblemNote, useApiForm } from '@/ui';
import { noProof, proofOf, ProofFields } from './ProofFields';
import { QR } from './QR';

type Step = 'enrol' | 'renew' | 'disable';

const titles: Record<Step, string> = {
  enrol: 'Set up an authenticator app',
  renew: 'Make new recovery codes?',
  disable: 'Turn the second factor off?',
};

/** Turns the second factor on and off, and makes new recovery codes. */
export function SecondFactorSettings({ enabled }: { enabled: boolean }) {
  const [step, setStep] = useState<Step>();
  const [codes, setCodes] = useState<string[]>();
  const close = () => {
    setStep(undefined);
    setCodes(undefined);
  };
  const read = () => refresh('/v1/totp', '/v1/me', '/v1/sessions');
  const show = async (fresh: string[]) => {
    setCodes(fresh);
    await read();
  };
  return (
    <>
      <Group gap="xs">
        {enabled ? (
          <>
            <Button variant="default" onClick={() => setStep('renew')}>
              New recovery codes
            </Button>
            <Button variant="default" c="var(--tg-bad)" onClick={() => setStep('disable')}>
              Turn it off
            </Button>
          </>
        ) : (
          <Button onClick={() => setStep('enrol')}>Set up an authenticator app</Button>
        )}
      </Group>
      <Modal opened={step !== undefined} onClose={close} title={codes ? 'Keep these recovery codes' : step ? titles[step] : ''} size="md" closeOnClickOutside={!codes}>
        {codes ? (
          <RecoveryCodes codes={codes} onDone={close} />
        ) : step === 'enrol' ? (
          <Enrol onCodes={show} />
        ) : step === 'renew' ? (
          <Prove
            text="The ones that you have stop working."
            action="Make new recovery codes"
            act={async (body) => {
              const { data } = await api.POST('/v1/totp/recovery-codes', { body });
              await show(data?.recovery_codes ?? []);
            }}
          />
        ) : step === 'disable' ? (
          <Prove
            text="From then on, the password alone signs in."
            action="Turn it off"
            danger
            act={async (body) => {
              await api.POST('/v1/totp/disable', { body });
              await read();
              close();
              done('The second factor is off.');
            }}
          />
        ) : null}
      </Modal>
    </>
  );
}

interface ProveProps {
  text: ReactNode;
  action: string;
  danger?: boolean;
  act: (proof: { current_password?: string; code?: string }) => Promise<void>;
}

function Prove({ text, action, danger, act }: ProveProps) {
  const { form, problem, rest, busy, submit } = useApiForm({ initialValues: noProof, save: (values) => act(proofOf(values)) });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Text>{text}</Text>
        <ProofFields form={form} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end">
          <Button type="submit" color={danger ? 'red.8' : undefined} loading={busy}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** First the proof, then the secret as a QR code, then a first code of the app. */
function Enrol({ onCodes }: { onCodes: (codes: string[]) => Promise<void> }) {
  const [secret, setSecret] = useState<Schemas['TOTPEnrolment']>();
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { code: '' },
    save: async ({ code }) => {
      const { data } = await api.POST('/v1/totp/confirm', { body: { code: code.replace(/\s/g, '') } });
      await onCodes(data?.recovery_codes ?? []);
    },
  });
  if (!secret) {
    return (
      <Prove
        text="First show that it is you."
        action="Go on"
        act={async (body) => {
          const { data } = await api.POST('/v1/totp', { body });
          setSecret(data);
        }}
      />
    );
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Text>Scan this with your authenticator app, or type the key into it.</Text>
        <Stack align="center" gap="xs">
          <QR rows={secret.qr} label="QR code with the key for the authenticator app" />
          <CopyText text={secret.secret} label="key" />
        </Stack>
        <TextInput
          label="Code that the app shows"
          inputMode="numeric"
          autoComplete="one-time-code"
          autoFocus
          classNames={{ input: 'tg-mono' }}
          {...form.getInputProps('code')}
        />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end">
          <Button type="submit" loading={busy}>
            Turn it on
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const text = codes.join('\n');
  return (
    <Stack>
      <Text>Each signs you in once when you have lost the app. They are shown this once; keep them where you keep passwords.</Text>
      <SimpleGrid cols={2} className="tg-panel" p="md" spacing="xs">
        {codes.map((code) => (
          <span key={code} className="tg-mono">
            {code}
          </span>
        ))}
      </SimpleGrid>
      <Group justify="space-between">
        <Group gap="xs">
          <Button
            component="a"
            variant="default"
            download="tollgate-recovery-codes.txt"
            href={URL.createObjectURL(new Blob([text], { type: 'text/plain' }))}
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            Save as a file
          </Button>
          <CopyIcon text={text} label="recovery codes" />
        </Group>
        <Button onClick={onDone}>I have kept them</Button>
      </Group>
    </Stack>
  );
}
