import { Anchor, Group } from '@mantine/core';
import { Outlet } from '@tanstack/react-router';
import { Brand } from './Brand';
import { SchemeSwitch } from './SchemeSwitch';
import classes from './Shell.module.css';

/** The frame of the pages before signing in. */
export default function Outside() {
  return (
    <div className={classes.outside}>
      <a className={classes.skip} href="#content">
        Skip to the content
      </a>
      <header className={classes.outsideBar}>
        <Brand to="/" />
        <Group gap="md">
          <Anchor href="/docs/" c="inherit">
            Documentation
          </Anchor>
          <SchemeSwitch />
        </Group>
      </header>
      <main id="content" tabIndex={-1} className={classes.outsideMain}>
        <div className={classes.card}>
          <Outlet />
        </div>
      </main>
    </div>
  );
}
