import { Burger, Drawer } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Outlet, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useOrganizationId } from '@/api/organization';
import { Brand } from './Brand';
import { Crumbs } from './Crumbs';
import { Rail } from './Rail';
import { StandingBanner } from '@/pages/billing/StandingBanner';
import classes from './Shell.module.css';
import { VerifyBanner } from './VerifyBanner';
import { ViewBanner } from './ViewBanner';

/** The frame of every page behind the sign-in. */
export default function Shell() {
  const [opened, drawer] = useDisclosure(false);
  const pathname = useRouterState({ select: (s) => s.location.pathname });
  const organization = useOrganizationId();
  const main = useRef<HTMLElement>(null);
  const before = useRef(pathname);
  // A new page begins at its content, also for who does not see it change.
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    drawer.close();
    main.current?.focus({ preventScroll: true });
  }, [pathname, drawer]);
  return (
    <div className={classes.frame}>
      <a className={classes.skip} href="#content">
        Skip to the content
      </a>
      <aside className={classes.rail} aria-label="Navigation">
        <Rail />
      </aside>
      <Drawer opened={opened} onClose={drawer.close} size={300} padding={0} title="Navigation" classNames={{ header: classes.drawerHead }}>
        <Rail />
      </Drawer>
      <div className={classes.column}>
        <header className={classes.bar}>
          <Burger opened={opened} onClick={drawer.toggle} size="sm" aria-label="Open the navigation" aria-expanded={opened} />
          <Brand to="/gateways" />
        </header>
        {/* Another organization: nothing of the former page is kept. */}
        <main id="content" ref={main} tabIndex={-1} className={classes.main} key={organization}>
          <ViewBanner />
          <VerifyBanner />
          <StandingBanner />
          <Crumbs />
          <Outlet />
        </main>
      </div>
    </div>
  );
}
