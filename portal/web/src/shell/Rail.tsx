import { Link, useParams, useRouterState } from '@tanstack/react-router';
import { IconMap2, IconStack2 } from '@tabler/icons-react';
import { grants } from '@/api/grants';
import { useMe, useMembership } from '@/api/session';
import { AccountMenu } from './AccountMenu';
import { Brand } from './Brand';
import { GatewaySwitch } from './GatewaySwitch';
import { billingNav, docs, gatewayNav, operatorNav, organizationNav, type NavItem } from './nav';
import { OrganizationSwitch } from './OrganizationSwitch';
import classes from './Shell.module.css';

function Item({ item, base = '' }: { item: NavItem; base?: string }) {
  const to = base ? `${base}/${item.to}` : item.to;
  const active = useRouterState({
    select: ({ location: { pathname }, matches }) =>
      pathname === to || pathname.startsWith(`${to}/`) || matches.at(-1)?.staticData.under === item.to,
  });
  return (
    <li>
      <Link to={to} className={classes.link} data-active={active || undefined} aria-current={active ? 'page' : undefined}>
        <item.Icon size={17} aria-hidden />
        {item.label}
      </Link>
    </li>
  );
}

function Group({ heading, items, base }: { heading?: string; items: NavItem[]; base?: string }) {
  const role = useMembership()?.role;
  const shown = items.filter((item) => !item.needs || (role && grants[role].includes(item.needs)));
  if (shown.length === 0) return null;
  return (
    <div>
      {heading ? <p className={classes.heading}>{heading}</p> : null}
      <ul className={classes.group}>
        {shown.map((item) => (
          <Item key={item.to} item={item} base={base} />
        ))}
      </ul>
    </div>
  );
}

const top: NavItem[] = [
  { to: '/guide', label: 'First steps', Icon: IconMap2 },
  { to: '/gateways', label: 'Gateways', Icon: IconStack2, needs: 'gateways:read' },
];

/** Everything at the side: where one is, where one can go, who one is. */
export function Rail() {
  const { gw } = useParams({ strict: false });
  const me = useMe();
  return (
    <div className={classes.side}>
      <Brand to="/gateways" />
      <OrganizationSwitch />
      <nav aria-label="Main" className={classes.grow}>
        {gw ? (
          <>
            <GatewaySwitch current={gw} />
            {gatewayNav.map((group) => (
              <Group key={group.heading ?? ''} {...group} base={`/gateways/${encodeURIComponent(gw)}`} />
            ))}
          </>
        ) : (
          <>
            <Group items={top} />
            <Group heading="Organization" items={organizationNav} />
            <Group heading="Billing" items={billingNav} />
            {me?.operator && !me.view ? <Group heading="Operator" items={operatorNav} /> : null}
            <ul className={classes.group} style={{ marginTop: 12 }}>
              <li>
                <a href={docs.href} className={classes.link}>
                  <docs.Icon size={17} aria-hidden />
                  {docs.label}
                </a>
              </li>
            </ul>
          </>
        )}
      </nav>
      <AccountMenu />
    </div>
  );
}
