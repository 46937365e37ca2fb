import { Button, Group, Modal, Stack, TagsInput, TextInput } from '@mantine/core';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { done, ProblemNote, useApiForm } from '@/ui';
import { Pem } from './Pem';

export interface UploadModalProps {
  gateway: string;
  opened: boolean;
  onClose: () => void;
  /** Replaced; without it a new one is uploaded. */
  certificate?: Schemas['Certificate'];
}

/** Takes a chain and its key, pasted or from files. */
export function UploadModal({ opened, onClose, certificate, gateway }: UploadModalProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={certificate ? `Replace the certificate ${certificate.name}` : 'Upload a certificate'} size="lg">
      {opened ? <UploadForm gateway={gateway} certificate={certificate} onClose={onClose} /> : null}
    </Modal>
  );
}

function UploadForm({ gateway, certificate, onClose }: Omit<UploadModalProps, 'opened'>) {
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: { name: certificate?.name ?? '', chain_pem: '', key_pem: '', hosts: certificate?.hosts ?? ([] as string[]) },
    validate: { name: (name) => (name === '' ? 'A certificate needs a name.' : null) },
    save: async ({ name, chain_pem, key_pem, hosts }) => {
      await api.PUT('/v1/gateways/{gateway}/certificates/{name}', {
        params: { path: { gateway, name }, header: { 'If-Match': certificate ? etagOf(certificate) : undefined } },
        body: { chain_pem, key_pem, hosts: hosts.length > 0 ? hosts : undefined },
      });
      await refresh('/v1/gateways/{gateway}/certificates');
      done(`The certificate ${name} is ${certificate ? 'replaced' : 'stored'}.`);
      onClose();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        {certificate ? null : <TextInput label="Name" spellCheck={false} autoComplete="off" data-autofocus {...form.getInputProps('name')} />}
        <Pem label="Certificate and chain" description="In PEM: the certificate, then each one that signs the one before." begin="CERTIFICATE" field={form.getInputProps('chain_pem')} onFile={(text) => form.setFieldValue('chain_pem', text)} />
        <Pem label="Private key" description="In PEM, not encrypted: RSA of 2048 to 4096 bits, ECDSA P-256 or P-384, or Ed25519." begin="PRIVATE KEY" field={form.getInputProps('key_pem')} onFile={(text) => form.setFieldValue('key_pem', text)} />
        <TagsInput label="Hosts" description="None: every host of the gateway that the certificate covers." {...form.getInputProps('hosts')} />
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            {certificate ? 'Replace the certificate' : 'Upload the certificate'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
