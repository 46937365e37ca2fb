import { Select } from '@mantine/core';
import { Link, useNavigate, useRouterState } from '@tanstack/react-router';
import { IconArrowLeft } from '@tabler/icons-react';
import { $api } from '@/api/client';
import { refresh } from '@/api/queries';
import classes from './Shell.module.css';

/** Leads from one gateway to the same page of another, and back to all. */
export function GatewaySwitch({ current }: { current: string }) {
  const navigate = useNavigate();
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const { data } = $api.useQuery('get', '/v1/gateways', { params: { query: { limit: 200 } } });
  const names = data?.items.map((g) => g.name) ?? [];
  const known = data?.items.find((g) => g.id === current)?.name ?? current;
  const options = names.includes(known) ? names : [known, ...names];
  return (
    <div style={{ display: 'grid', gap: 6, marginBottom: 8 }}>
      <Link to="/gateways" className={classes.link}>
        <IconArrowLeft size={17} aria-hidden />
        All gateways
      </Link>
      <Select
        aria-label="Gateway"
        data={options}
        value={known}
        searchable
        allowDeselect={false}
        nothingFoundMessage="No such gateway"
        comboboxProps={{ width: 260, position: 'bottom-start' }}
        onDropdownOpen={() => void refresh('/v1/gateways')}
        onChange={(name) => {
          if (!name || name === known) return;
          // The same kind of page: /gateways/a/routes/x leads to /gateways/b/routes.
          const kind = pathname.split('/')[3] ?? 'overview';
          void navigate({ to: `/gateways/${encodeURIComponent(name)}/${kind}` });
        }}
      />
    </div>
  );
}
