import { List, Modal, Button, Group, Stack } from '@mantine/core';
import { useState } from 'react';
import { asProblem, type Problem } from '@/api/problem';
import { refresh } from '@/api/queries';
import { ProblemNote } from '@/ui';
import { KeyReceipt, revoke, type RevokeReceipt } from './Receipt';

export interface RevokeKeyProps {
  gateway: string;
  id: string;
  /** How the key is called here. */
  name: string;
  opened: boolean;
  onClose: () => void;
}

/** Revokes a key for good, and shows which edges refuse it. */
export function RevokeKey({ gateway, id, name, opened, onClose }: RevokeKeyProps) {
  const [receipt, setReceipt] = useState<RevokeReceipt>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const close = () => {
    onClose();
    setReceipt(undefined);
    setProblem(undefined);
  };
  const act = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      setReceipt(await revoke(gateway, id, '2s'));
      void refresh('/v1/gateways/{gateway}/keys', '/v1/gateways/{gateway}/consumers');
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal opened={opened} onClose={close} title={receipt ? `${name} is revoked` : `Revoke ${name}?`} size="lg">
      {receipt ? (
        <Stack>
          <KeyReceipt gateway={gateway} id={id} first={receipt} />
          <Group justify="flex-end">
            <Button onClick={close} data-autofocus>
              Done
            </Button>
          </Group>
        </Stack>
      ) : (
        <Stack>
          <List spacing={4}>
            <List.Item>Every request with this key is refused with 401 key_revoked, on every edge, usually within a second.</List.Item>
            <List.Item>It can’t be brought back. To change a key without an interruption, rotate it instead.</List.Item>
            <List.Item>The receipt shows which edges refuse it, and when each began to.</List.Item>
          </List>
          <ProblemNote problem={problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close} disabled={busy}>
              Cancel
            </Button>
            <Button color="red.8" onClick={() => void act()} loading={busy}>
              Revoke the key
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
