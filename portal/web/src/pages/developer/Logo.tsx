import { Button, FileButton, Group, Input, Text } from '@mantine/core';
import { useState } from 'react';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { done, failed } from '@/ui';
import type { Portal } from './PortalForm';

/** The file's bytes in base64. */
async function base64(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** The picture beside the name; it is saved at once. */
export function Logo({ gateway, portal }: { gateway: string; portal: Portal }) {
  const may = useMay('gateways:write');
  const [busy, setBusy] = useState(false);
  const params = { path: { gateway } };
  const act = async (change: () => Promise<unknown>, said: string) => {
    setBusy(true);
    try {
      await change();
      await refresh('/v1/gateways/{gateway}/developer-portal');
      done(said);
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  const put = (file: File | null) => {
    if (!file) return;
    if (file.size > 256 * 1024) return failed(new Error('The file has more than 256 KiB.'));
    void act(async () => api.PUT('/v1/gateways/{gateway}/developer-portal/logo', { params, body: { image: await base64(file) } }), 'The logo is saved.');
  };
  return (
    <Input.Wrapper label="Logo" description="PNG, JPEG or GIF, at most 256 KiB and 1024 × 1024 pixels; saved at once" labelElement="div">
      <Group gap="sm" mt={6}>
        {portal.logo_url ? <img src={portal.logo_url} alt="The logo" style={{ height: 36, maxWidth: 160, objectFit: 'contain' }} /> : <Text c="dimmed">None</Text>}
        {may ? (
          <FileButton onChange={put} accept="image/png,image/jpeg,image/gif" inputProps={{ 'aria-label': 'Logo file' }}>
            {(props) => (
              <Button variant="default" size="xs" loading={busy} {...props}>
                {portal.logo_url ? 'Replace' : 'Upload'}
              </Button>
            )}
          </FileButton>
        ) : null}
        {may && portal.logo_url ? (
          <Button variant="default" size="xs" disabled={busy} onClick={() => void act(() => api.DELETE('/v1/gateways/{gateway}/developer-portal/logo', { params }), 'The logo is gone.')}>
            Remove
          </Button>
        ) : null}
      </Group>
    </Input.Wrapper>
  );
}
