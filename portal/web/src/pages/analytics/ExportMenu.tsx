import { Button, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { api } from '@/api/client';
import { useAction } from '@/ui';
import { download } from '@/ui/download';
import { splitNames } from './FilterBar';
import { conflict, fileName, questionOf, rangeIn, splits, type Split, type View } from './view';

/** Saves what the page shows as CSV: the whole over time, or each group. */
export function ExportMenu({ gateway, view }: { gateway: string; view: View }) {
  const [busy, save] = useAction(async (by?: Split) => {
    const { data } = await api.GET('/v1/gateways/{gateway}/usage', {
      params: { path: { gateway }, query: { ...questionOf(view, rangeIn(view)), format: 'csv', ...(by ? { group_by: by, sort: view.sort, limit: 200 } : {}) } },
      parseAs: 'blob',
    });
    if (data) download(fileName(gateway, by), data as unknown as Blob);
  });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />} loading={busy}>
          Export CSV
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => save()}>The whole over time</Menu.Item>
        {splits.map((by) => (
          <Menu.Item key={by} disabled={conflict(by, view.filters) !== undefined} onClick={() => save(by)}>
            By {splitNames[by] === 'API key' ? 'API key' : splitNames[by].toLowerCase()} (the first 200)
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
