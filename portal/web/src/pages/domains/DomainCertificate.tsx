import { Button, Group, Stack, Switch, Text } from '@mantine/core';
import { IconCertificate } from '@tabler/icons-react';
import { useState } from 'react';
import { api, etagOf } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { failed, done, StateDot } from '@/ui';
import { ago, date, dateTime } from '@/ui/format';
import { Facts } from '@/ui/Facts';
import { LinkButton, TextLink } from '@/ui/LinkTo';
import { Panel } from '@/ui/Panel';
import { Notice } from './Notice';
import { certificateStanding, whenNext, type Domain } from './words';

/** The certificate of a domain: how it stands, what is in it, and an order at once. */
export function DomainCertificate({ gateway, domain }: { gateway: string; domain: Domain }) {
  const may = useMay('gateways:write');
  const [busy, setBusy] = useState(false);
  const { certificate } = domain;
  const standing = certificateStanding(domain);
  const act = async (call: () => Promise<unknown>, said: string) => {
    setBusy(true);
    try {
      await call();
      await refresh('/v1/gateways/{gateway}/domains');
      done(said);
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  const path = { gateway, host: domain.host };
  const order = () => act(() => api.POST('/v1/gateways/{gateway}/domains/{host}/certificate', { params: { path } }), 'A certificate is ordered.');
  const turn = (automatic: boolean) =>
    act(
      () =>
        api.PUT('/v1/gateways/{gateway}/domains/{host}', {
          params: { path, header: { 'If-Match': etagOf(domain) } },
          body: { certificate: automatic ? 'automatic' : 'uploaded' },
        }),
      automatic ? 'Certificates are issued by themselves.' : 'No certificate is issued by itself any more.',
    );
  const mayOrder = ['issued', 'failing', 'expired'].includes(certificate.state) && certificate.mode === 'automatic' && (domain.state === 'active' || domain.state === 'failing');
  const wrong = ['failing', 'expired', 'unavailable'].includes(certificate.state);
  return (
    <Panel
      title="Certificate"
      text={standing.meaning}
      actions={
        may && mayOrder ? (
          <Button variant="default" leftSection={<IconCertificate size={16} aria-hidden />} loading={busy} onClick={() => void order()}>
            {certificate.not_after ? 'Renew now' : 'Try again now'}
          </Button>
        ) : null
      }
    >
      <Stack gap="md">
        <Text fw={550} role="status" aria-live="polite">
          <StateDot state={standing.dot} /> {standing.words}
        </Text>
        {wrong && certificate.problem ? (
          <Notice tone={standing.dot === 'bad' ? 'bad' : 'warn'} title="What is wrong, and what to do" problem={certificate.problem}>
            {certificate.attempts ? (
              <Text size="sm" mt={4}>
                {certificate.attempts === 1 ? 'One order has failed' : `${certificate.attempts} orders in a row have failed`}
                {certificate.next_attempt_at ? `; the next try is made ${whenNext(certificate.next_attempt_at)}` : ''}.
              </Text>
            ) : null}
          </Notice>
        ) : null}
        {certificate.not_after ? (
          <div className="tg-panel" style={{ padding: '14px 16px' }}>
            <Facts
              facts={[
                ['Issued by', certificate.issuer],
                ['For', <span className="tg-mono">{(certificate.names ?? [domain.host]).join(', ')}</span>],
                ['Issued', certificate.issued_at ? dateTime(certificate.issued_at) : undefined],
                ['Valid until', `${dateTime(certificate.not_after)} (${ago(certificate.not_after)})`],
                ['Renewed', certificate.state === 'issued' && certificate.next_attempt_at ? `By itself, ${whenNext(certificate.next_attempt_at)}` : undefined],
                ['SHA-256 fingerprint', certificate.fingerprint_sha256 ? <span className="tg-mono">{certificate.fingerprint_sha256}</span> : undefined],
              ]}
            />
          </div>
        ) : null}
        {certificate.state === 'unavailable' || certificate.state === 'off' ? (
          <Group>
            <LinkButton to="/gateways/$gw/certificates" params={{ gw: gateway }} variant="default">
              Upload a certificate
            </LinkButton>
          </Group>
        ) : (
          <Text size="sm" c="dimmed">
            An <TextLink to="/gateways/$gw/certificates" params={{ gw: gateway }}>uploaded certificate</TextLink> for this host is preferred to this one.
          </Text>
        )}
        <Switch
          label="Have a certificate issued and renewed by itself"
          description={certificate.mode === 'automatic' ? undefined : certificate.not_after ? `The one at hand is served until ${date(certificate.not_after)}.` : undefined}
          checked={certificate.mode === 'automatic'}
          onChange={(e) => void turn(e.currentTarget.checked)}
          disabled={!may || busy}
        />
      </Stack>
    </Panel>
  );
}
