import { Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { CopyText } from '@/ui';
import { Facts } from '@/ui/Facts';
import { bytes, milliseconds } from '@/ui/format';
import classes from './Logs.module.css';
import type { LogRecord } from './tail';

/** The id of a key as its page has it: lines hold the part that its secret begins with. */
const keyId = (key: string): string => (key.startsWith('key_') ? key : `key_${key}`);

/** Everything that is known of one request, and where its time went. */
export function LogDetail({ gateway, record: r }: { gateway: string; record: LogRecord }) {
  return (
    <Stack gap="md" className={classes.detail}>
      <Split record={r} />
      <Facts
        facts={[
          ['Request', <CopyText key="r" text={r.request_id} label="request id" />],
          ['Address', <span key="a" className="tg-mono">{`${r.host}${r.path}${r.query ? `?${r.query}` : ''}`}</span>],
          ['Answered by', r.code ? <>the edge, with <span className="tg-mono">{r.code}</span></> : 'the backend'],
          ['Route', r.route ? <Anchor key="o" renderRoot={(props) => <Link to="/gateways/$gw/routes/$name" params={{ gw: gateway, name: r.route ?? '' }} {...props} />}>{r.route}</Anchor> : 'None matched'],
          ['Consumer', r.consumer ? <Anchor key="c" renderRoot={(props) => <Link to="/gateways/$gw/consumers/$name" params={{ gw: gateway, name: r.consumer ?? '' }} {...props} />}>{r.consumer}</Anchor> : undefined],
          ['Key', r.key ? <Anchor key="k" renderRoot={(props) => <Link to="/gateways/$gw/keys/$key" params={{ gw: gateway, key: keyId(r.key ?? '') }} {...props} />} className="tg-mono">{keyId(r.key)}</Anchor> : undefined],
          ['Target', r.target ? <span key="t"><span className="tg-mono">{r.target}</span>{r.tries && r.tries > 1 ? `, after ${r.tries} tries` : ''}</span> : undefined],
          ['Client', r.client ? <span key="l" className="tg-mono">{r.client}</span> : undefined],
          ['User agent', r.user_agent],
          ['Received', r.bytes_in === undefined ? undefined : bytes(r.bytes_in)],
          ['Sent', r.bytes_out === undefined ? undefined : bytes(r.bytes_out)],
          ['Broken off', r.aborted],
          ['Billed', r.billed === undefined ? undefined : r.billed ? 'Yes' : 'No'],
          ['Edge', <span key="e"><span className="tg-mono">{r.edge}</span>{r.version ? `, version ${r.version}` : ''}{r.protocol ? `, ${r.protocol}` : ''}</span>],
        ]}
      />
      <Group>
        <Button variant="default" size="compact-md" renderRoot={(props) => <Link to="/gateways/$gw/requests/$id" params={{ gw: gateway, id: r.request_id }} {...props} />}>
          Explain this request
        </Button>
      </Group>
    </Stack>
  );
}

function Split({ record: { edge_ms: edge, upstream_ms: spent, target } }: { record: LogRecord }) {
  const backend = target ? spent : undefined;
  if (edge === undefined) return null;
  const share = (100 * edge) / Math.max(edge + (backend ?? 0), 0.001);
  return (
    <Stack gap={6} maw="40rem">
      <div className={classes.bar} aria-hidden>
        <div className={classes.edge} style={{ width: `${share}%` }} />
        {backend ? <div className={classes.backend} style={{ flex: 1 }} /> : null}
      </div>
      <Group gap="lg">
        <Text size="sm">
          <span className={`${classes.swatch} ${classes.edge}`} aria-hidden />
          Edge {milliseconds(edge)}
        </Text>
        <Text size="sm">
          <span className={`${classes.swatch} ${classes.backend}`} aria-hidden />
          {backend === undefined ? 'No backend was asked' : `Backend ${milliseconds(backend)}`}
        </Text>
      </Group>
    </Stack>
  );
}
