import { Badge, Button, CloseButton, Group, Select, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { conflict, firstSplit, narrow, splits, type Filters, type Split, type View } from './view';

export const splitNames: Record<Split, string> = {
  route: 'Route', consumer: 'Consumer', key: 'API key', status: 'Status', target: 'Target', code: 'Error code',
};

export interface FilterBarProps {
  gateway: string;
  view: View;
  onChange: (change: Partial<View>) => void;
}

/** What narrows the page; each can be taken away. More is picked from the lists below. */
export function FilterBar({ gateway, view, onChange }: FilterBarProps) {
  const { filters } = view;
  const set = splits.filter((name) => filters[name] !== undefined);
  const put = (next: Filters) => onChange({ filters: next, by: conflict(view.by, next) ? firstSplit(next, view.by) : view.by });
  const without = (name: Split) => {
    const next = { ...filters };
    delete next[name];
    put(next);
  };
  return (
    <Group gap="xs" role="group" aria-label="Filters" mih={36}>
      <Select
        aria-label="Class of status"
        placeholder="Any status"
        w={190}
        clearable
        clearButtonProps={{ 'aria-label': 'Any status' }}
        value={filters.status ?? null}
        data={[
          { value: '2xx', label: '2xx, fine' },
          { value: '3xx', label: '3xx, redirects' },
          { value: '4xx', label: '4xx, by the caller' },
          { value: '5xx', label: '5xx, failures' },
          ...(filters.status && /^\d{3}$/.test(filters.status) ? [{ value: filters.status, label: filters.status }] : []),
        ]}
        onChange={(value) => (value ? put(narrow(filters, 'status', value)) : without('status'))}
      />
      {set.filter((name) => name !== 'status').map((name) => (
        <Badge key={name} variant="light" size="lg" tt="none" fw={500} pr={2} rightSection={<CloseButton size="xs" aria-label={`Remove the filter ${splitNames[name]} ${filters[name] ?? ''}`} onClick={() => without(name)} />}>
          {splitNames[name]}: {filters[name]}
        </Badge>
      ))}
      {set.length > 0 ? (
        <>
          <Button variant="subtle" size="compact-sm" onClick={() => put({})}>
            Clear
          </Button>
          <Button variant="subtle" size="compact-sm" renderRoot={(props) => <Link to="/gateways/$gw/logs" params={{ gw: gateway }} search={logWords(filters)} {...props} />}>
            These requests in the log
          </Button>
        </>
      ) : (
        <Text size="sm" c="dimmed">
          Choose a row of the list below to look at it alone.
        </Text>
      )}
    </Group>
  );
}

/** The same filters for the log, which has no targets by id. */
export function logWords(filters: Filters): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of splits) {
    const value = filters[name];
    if (value && name !== 'target') out[name] = value;
  }
  return out;
}
