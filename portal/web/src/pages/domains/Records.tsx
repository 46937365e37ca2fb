import { Button, Group, Stack, Text } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { CopyIcon, done, StateDot, Time, useAction } from '@/ui';
import { Panel } from '@/ui/Panel';
import { Notice } from './Notice';
import { proofStanding, recordsOf, whenNext, type Domain, type DnsRecord } from './words';
import classes from './Domains.module.css';

/** The proof of a domain: how it stands, the records to set, and a look at once. */
export function Records({ gateway, domain }: { gateway: string; domain: Domain }) {
  const may = useMay('gateways:write');
  const standing = proofStanding(domain);
  const [busy, look] = useAction(async () => {
    const { data } = await api.POST('/v1/gateways/{gateway}/domains/{host}/verify', { params: { path: { gateway, host: domain.host } } });
    await refresh('/v1/gateways/{gateway}/domains', '/v1/gateways/{gateway}/versions');
    if (data?.state === 'active') done(`The record of ${domain.host} was seen.`);
  });
  return (
    <Panel
      title="DNS records"
      text={standing.meaning}
      actions={
        may ? (
          <Button variant="default" leftSection={<IconRefresh size={16} aria-hidden />} loading={busy} onClick={() => look()}>
            Check now
          </Button>
        ) : null
      }
    >
      <Stack gap="md">
        <Group gap="xs" role="status" aria-live="polite">
          <Text fw={550}>
            <StateDot state={standing.dot} /> {standing.words}
          </Text>
          {domain.checked_at ? (
            <Text size="sm" c="dimmed">
              Looked for <Time at={domain.checked_at} />
              {domain.next_check_at && domain.state !== 'active' ? <>, again {whenNext(domain.next_check_at)}</> : null}
            </Text>
          ) : null}
        </Group>
        {domain.problem && domain.checked_at ? (
          <Notice tone={domain.state === 'lapsed' ? 'bad' : 'warn'} title={domain.state === 'pending' ? 'Not seen yet' : 'What is wrong'} problem={domain.problem} />
        ) : null}
        <Stack gap="sm" component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
          {recordsOf(domain).map((record) => (
            <Record key={record.type} record={record} />
          ))}
        </Stack>
        <Text size="sm" c="dimmed">
          At the top of a zone (example.com itself) a CNAME record can’t stand: set A and AAAA records with the edges’ addresses there, or the ALIAS record that
          your DNS provider offers. A new record may take some minutes until it is seen everywhere.
        </Text>
      </Stack>
    </Panel>
  );
}

function Record({ record }: { record: DnsRecord }) {
  return (
    <li className={`tg-panel ${classes.record}`}>
      <Text size="sm" fw={550}>
        {record.type} <span className={classes.purpose}>{record.purpose}</span>
      </Text>
      <dl className={classes.fields}>
        {(['name', 'value'] as const).map((key) => (
          <div key={key}>
            <dt>{key === 'name' ? 'Name' : record.type === 'CNAME' ? 'Points to' : 'Value'}</dt>
            <dd>
              <span className="tg-mono">{record[key]}</span> <CopyIcon text={record[key]} label={`${key} of the ${record.type} record`} />
            </dd>
          </div>
        ))}
      </dl>
    </li>
  );
}
