import { Anchor, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { Schemas } from '@/api/client';
import { Time, type Column } from '@/ui';
import { count, date } from '@/ui/format';
import { KeyState } from './KeyState';

type Key = Schemas['Key'];

/** "1,200 of 10,000 a month" left of the quota, where the key has one. */
export function quotaLeft(key: Key): string | undefined {
  const quota = key.budgets?.find((b) => b.name === 'quota');
  if (!quota) return undefined;
  return quota.remaining === undefined ? `of ${count(quota.limit)} a ${quota.window}` : `${count(quota.remaining)} of ${count(quota.limit)}`;
}

/** The columns of a list of keys; without the consumer's on the consumer's own page. */
export function keyColumns(gateway: string, withConsumer: boolean): Column<Key>[] {
  const columns: Column<Key>[] = [
    {
      id: 'key',
      title: 'Key',
      sort: 'name',
      cell: (k) => (
        <Stack gap={0}>
          <Anchor renderRoot={(props) => <Link to="/gateways/$gw/keys/$key" params={{ gw: gateway, key: k.id }} {...props} />}>
            {k.name || <span className="tg-mono">{k.prefix}…</span>}
          </Anchor>
          {k.name ? (
            <Text size="xs" c="dimmed" fw={400} className="tg-mono">
              {k.prefix}…
            </Text>
          ) : null}
        </Stack>
      ),
    },
    { id: 'state', title: 'State', width: '8rem', cell: (k) => <KeyState state={k.state} /> },
    { id: 'quota', title: 'Quota left', width: '10.5rem', numeric: true, cell: (k) => quotaLeft(k) ?? <Dash /> },
    { id: 'used', title: 'Last used', width: '8.5rem', cell: (k) => (k.last_used_at ? <Time at={k.last_used_at} /> : <Text inherit c="dimmed">Never</Text>) },
    { id: 'expires', title: 'Expires', width: '7.5rem', cell: (k) => (k.expires_at ? date(k.expires_at) : <Dash />) },
    { id: 'created', title: 'Issued', width: '8.5rem', sort: 'created_at', cell: (k) => <Time at={k.created_at} /> },
  ];
  if (withConsumer) {
    columns.splice(1, 0, {
      id: 'consumer',
      title: 'Consumer',
      width: '12rem',
      cell: (k) => <Anchor renderRoot={(props) => <Link to="/gateways/$gw/consumers/$name" params={{ gw: gateway, name: k.consumer }} {...props} />}>{k.consumer}</Anchor>,
    });
  }
  return columns;
}

function Dash() {
  return (
    <Text inherit c="dimmed" aria-label="None">
      –
    </Text>
  );
}
