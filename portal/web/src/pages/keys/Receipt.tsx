import { Alert, Button, Group, List, Stack, Text } from '@mantine/core';
import { useCallback, useEffect, useState } from 'react';
import { api, type Schemas } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { ErrorState, PanelSkeleton, StateDot, Time } from '@/ui';
import { exactTime, milliseconds } from '@/ui/format';

export type RevokeReceipt = Schemas['RevokeReceipt'];

/** Revokes a key, or asks again after one that is revoked: both answer with what the edges have confirmed. */
export async function revoke(gateway: string, key: string, wait: string): Promise<RevokeReceipt> {
  const { data } = await api.POST('/v1/gateways/{gateway}/keys/{key}/revoke', { params: { path: { gateway, key }, query: { wait } } });
  if (!data) throw new Error('The portal sent no receipt.');
  return data;
}

/** The receipt in one sentence. */
export function receiptText(r: Pick<RevokeReceipt, 'complete' | 'confirmed' | 'waiting' | 'unreachable'>): string {
  const edges = (n: number) => (n === 1 ? '1 edge' : `${n} edges`);
  const parts = [`${edges(r.confirmed.length)} ${r.confirmed.length === 1 ? 'refuses' : 'refuse'} the key`];
  if (r.waiting.length > 0) parts.push(`${edges(r.waiting.length)} not yet`);
  if (r.unreachable.length > 0) parts.push(`${edges(r.unreachable.length)} can’t be reached`);
  return `${parts.join(', ')}.`;
}

/** Which edges refuse a revoked key and since when, which have yet to, and which can't be reached. */
export function Receipt({ receipt }: { receipt: RevokeReceipt }) {
  const whole = receipt.complete && receipt.unreachable.length === 0;
  const nobody = receipt.confirmed.length + receipt.waiting.length + receipt.unreachable.length === 0;
  return (
    <Stack gap="sm" data-testid="receipt">
      <Text role="status" aria-live="polite">
        <StateDot state={whole && !nobody ? 'good' : receipt.complete ? 'warn' : 'busy'} /> <strong>{nobody ? 'No edge was seen in the last 24 hours.' : receiptText(receipt)}</strong> Revoked{' '}
        <Time at={receipt.revoked_at} />.
      </Text>
      <List listStyleType="none" spacing={6} className="tg-panel" p="sm" hidden={nobody}>
        {receipt.confirmed.map((c) => (
          <List.Item key={c.edge}>
            <StateDot state="good" /> <span className="tg-mono">{c.edge}</span> refuses it
            {c.took_ms === undefined ? '' : ` after ${milliseconds(c.took_ms)}`}
            {c.at ? (
              <Text span size="sm" c="dimmed">
                {' '}
                · {exactTime(c.at)}
              </Text>
            ) : null}
          </List.Item>
        ))}
        {receipt.waiting.map((edge) => (
          <List.Item key={edge}>
            <StateDot state="busy" /> <span className="tg-mono">{edge}</span> has not confirmed yet
          </List.Item>
        ))}
        {receipt.unreachable.map((u) => (
          <List.Item key={u.edge}>
            <StateDot state="idle" /> <span className="tg-mono">{u.edge}</span> can’t be reached; last seen <Time at={u.last_seen} />
          </List.Item>
        ))}
      </List>
      {receipt.unreachable.length > 0 ? (
        <Alert variant="light" color="amber">
          An edge that can’t be reached may still serve the key, if it runs at all. It refuses it as soon as it is back; organizations whose edges are set to strict have them refuse
          everything after 30 seconds without news.
        </Alert>
      ) : null}
    </Stack>
  );
}

/** The receipt of a key that is revoked already. It asks again for a minute while edges are missing. */
export function KeyReceipt({ gateway, id, first }: { gateway: string; id: string; first?: RevokeReceipt }) {
  const [receipt, setReceipt] = useState(first);
  const [problem, setProblem] = useState<Problem>();
  const [tries, setTries] = useState(0);
  const ask = useCallback(
    async (wait: string) => {
      try {
        setReceipt(await revoke(gateway, id, wait));
        setProblem(undefined);
      } catch (error) {
        setProblem(asProblem(error));
      }
    },
    [gateway, id],
  );
  const open = receipt !== undefined && !receipt.complete;
  useEffect(() => {
    if (!open || problem || tries >= 6) return;
    const timer = setTimeout(() => void ask('10s').then(() => setTries((n) => n + 1)), 500);
    return () => clearTimeout(timer);
  }, [open, problem, tries, ask]);
  if (problem && !receipt) return <ErrorState error={problem} retry={() => void ask('2s')} />;
  if (!receipt) return <Asked ask={ask} />;
  return (
    <Stack gap="sm">
      <Receipt receipt={receipt} />
      {open && tries >= 6 ? (
        <Group>
          <Button variant="default" onClick={() => setTries(0)}>
            Ask the edges again
          </Button>
        </Group>
      ) : null}
    </Stack>
  );
}

/** Asks once, when it is first shown. */
function Asked({ ask }: { ask: (wait: string) => Promise<void> }) {
  useEffect(() => void ask('0s'), [ask]);
  return <PanelSkeleton lines={2} />;
}
