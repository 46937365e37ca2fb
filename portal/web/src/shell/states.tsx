import { Anchor, Button, Group, Text, Title } from '@mantine/core';
import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { useEffect, type ReactNode } from 'react';
import { ErrorState } from '@/ui/ErrorState';
import { Brand } from './Brand';
import classes from './Shell.module.css';

/** What stands instead of a page, with the way to the start. */
function Bare({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Tollgate`;
  }, [title]);
  return (
    <div className={classes.outside}>
      <header className={classes.outsideBar}>
        <Brand to="/" />
      </header>
      <main id="content" tabIndex={-1} className={classes.outsideMain}>
        <div className={classes.card}>
          <Title order={1} mb="xs">
            {title}
          </Title>
          {children}
        </div>
      </main>
    </div>
  );
}

/** An address that is no page. */
export function PageMissing() {
  return (
    <Bare title="There is no such page">
      <Text c="dimmed">
        The address may be mistyped, or what it showed may be gone.
      </Text>
      <Group mt="lg">
        <Button renderRoot={(props) => <Link to="/gateways" {...props} />}>To the gateways</Button>
        <Anchor href="/docs/">Documentation</Anchor>
      </Group>
    </Bare>
  );
}

/** A page that could not be made: its code did not load, or it failed. */
export function PageBroken({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  // A page's code that is gone was replaced by a newer portal.
  const stale = error instanceof Error && /dynamically imported module|module script/i.test(error.message);
  const retry = () => {
    if (stale) window.location.reload();
    else {
      reset();
      void router.invalidate();
    }
  };
  return (
    <Bare title="This page could not be shown">
      <ErrorState error={stale ? new Error('The portal was updated meanwhile. Load the page again.') : error} retry={retry} />
    </Bare>
  );
}
