import { Button, Fieldset, Group, Select, SimpleGrid, Stack, TagsInput, Text } from '@mantine/core';
import { IconCertificate, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { $api, api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { done, EmptyState, FormSkeleton, Loaded, ProblemNote, useApiForm, type ApiForm } from '@/ui';
import { hostsWords, inputOf, noRules, rulesOf, type RulesInput } from './callers';
import { Pem } from './Pem';

type Gateway = Schemas['Gateway'];

/** Which certificates callers have to show, by hosts of the gateway. */
export function Callers({ gateway }: { gateway: string }) {
  const query = $api.useQuery('get', '/v1/gateways/{gateway}', { params: { path: { gateway } } });
  return (
    <Loaded query={query} skeleton={<FormSkeleton fields={3} />}>
      {(data) => <CallersForm key={data.id} gateway={data} />}
    </Loaded>
  );
}

interface Values extends Record<string, unknown> {
  client_certificates: RulesInput[];
}

function CallersForm({ gateway }: { gateway: Gateway }) {
  const may = useMay('gateways:write');
  const [from, setFrom] = useState(gateway);
  const { form, problem, rest, busy, submit } = useApiForm<Values>({
    initialValues: { client_certificates: (from.client_certificates ?? []).map(inputOf) },
    validate: { client_certificates: { ca_pem: (pem: string) => (pem.trim() === '' ? 'Rules need the certificate of at least one authority.' : null) } },
    save: async ({ client_certificates }) => {
      const { data } = await api.PUT('/v1/gateways/{gateway}', {
        params: { path: { gateway: from.id }, header: { 'If-Match': etagOf(from) } },
        // The settings are replaced as a whole: those of the settings page go along.
        body: { name: from.name, server_timing: from.server_timing, log_sample: from.log_sample, tracing: from.tracing, client_certificates: client_certificates.map(rulesOf) },
      });
      if (data) setFrom(data);
      form.resetDirty();
      await refresh('/v1/gateways');
      done(client_certificates.length === 0 ? 'No certificates are asked for any more.' : 'The rules for callers’ certificates are saved.');
    },
  });
  const all = form.getValues().client_certificates;
  const add = () => form.insertListItem('client_certificates', { ...noRules });
  const adder = may ? (
    <Button variant={all.length === 0 ? 'filled' : 'default'} leftSection={<IconPlus size={16} aria-hidden />} onClick={add}>
      {all.length === 0 ? 'Ask for certificates' : 'Add rules for other hosts'}
    </Button>
  ) : null;
  if (all.length === 0 && !form.isDirty()) {
    return (
      <EmptyState icon={<IconCertificate size={32} />} title="Callers show no certificates" action={adder}>
        With mutual TLS only callers whose certificate one of your authorities has signed get through, before any request is looked at. Your backend learns who they
        are from header fields. This goes well with keys and tokens, and can be asked of some hosts alone.
      </EmptyState>
    );
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg" maw="46rem">
        {all.map((rules, i) => (
          <RulesFields key={i} at={i} rules={rules} all={all} form={form} hosts={[gateway.hostname]} disabled={!may} />
        ))}
        {all.length === 0 ? <Text>No certificates are asked for once this is saved.</Text> : null}
        <ProblemNote problem={problem?.errors && rest.length === 0 ? undefined : problem} rest={rest} />
        {may ? (
          <Group gap="xs">
            <Button type="submit" loading={busy} disabled={!form.isDirty()}>
              Save the rules
            </Button>
            {all.length < 20 ? adder : null}
          </Group>
        ) : (
          <Text size="sm" c="dimmed">
            Your role may look at the rules, not change them.
          </Text>
        )}
      </Stack>
    </form>
  );
}

interface RulesFieldsProps {
  at: number;
  rules: RulesInput;
  all: RulesInput[];
  form: ApiForm<Values>['form'];
  hosts: string[];
  disabled: boolean;
}

function RulesFields({ at, rules, all, form, hosts, disabled }: RulesFieldsProps) {
  const path = (name: keyof RulesInput) => `client_certificates.${at}.${name}`;
  const field = (name: keyof RulesInput) => ({ disabled, ...form.getInputProps(path(name)) });
  return (
    <Fieldset legend={hostsWords(rules, all)}>
      <Stack gap="md">
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TagsInput label="Hosts" description="None: every one that no other rules name." data={hosts} {...field('hosts')} />
          <Select
            label="Callers without a certificate"
            description="One that is shown must be good either way."
            data={[
              { value: 'required', label: 'Are refused' },
              { value: 'optional', label: 'Are let through' },
            ]}
            allowDeselect={false}
            {...field('mode')}
          />
        </SimpleGrid>
        <Pem
          label="Trusted authorities"
          description="In PEM, one or more: a caller’s certificate must be signed by one of them."
          begin="CERTIFICATE"
          field={field('ca_pem')}
          onFile={(text) => form.setFieldValue(path('ca_pem'), text)}
          disabled={disabled}
        />
        <Pem
          label="Revocation lists"
          description="In PEM, of those authorities; none: nothing is revoked. An outdated list refuses all of its authority."
          begin="X509 CRL"
          field={field('crl_pem')}
          onFile={(text) => form.setFieldValue(path('crl_pem'), text)}
          disabled={disabled}
        />
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TagsInput label="Subjects" description="Patterns, such as CN=billing*; none: any." {...field('subjects')} />
          <TagsInput label="Alternative names" description="Patterns, such as dns:*.partner.example; none: any." {...field('sans')} />
        </SimpleGrid>
        {disabled ? null : (
          <Group>
            <Button size="compact-sm" variant="default" onClick={() => form.removeListItem('client_certificates', at)} aria-label={`Remove the rules of: ${hostsWords(rules, all)}`}>
              Remove these rules
            </Button>
          </Group>
        )}
      </Stack>
    </Fieldset>
  );
}
