import { Button, Text, Title } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';
import { useEffect, type ReactNode } from 'react';
import { ErrorState } from '@/ui/ErrorState';
import { FormSkeleton } from '@/ui/Skeletons';
import { hrefOf, ToButton } from './links';
import { useDeveloper, useInfo } from './session';
import type { Developer } from './client';

/** The title of the tab and the page's h1. */
export function Head({ title, children }: { title: string; children?: ReactNode }) {
  const name = useInfo().data?.name;
  useEffect(() => {
    document.title = name ? `${title} · ${name}` : title;
  }, [title, name]);
  return (
    <header style={{ marginBottom: 24 }}>
      <Title order={1}>{title}</Title>
      {children ? (
        <Text c="dimmed" mt={4} maw="44rem">
          {children}
        </Text>
      ) : null}
    </header>
  );
}

/** An address that is no page of this portal. */
export function PageMissing() {
  return (
    <>
      <Head title="There is no such page">The address may be mistyped.</Head>
      <ToButton page="/">To the start</ToButton>
    </>
  );
}

/** A page that could not be made. */
export function PageBroken({ error, reset }: ErrorComponentProps) {
  return (
    <>
      <Head title="This page could not be shown" />
      <ErrorState error={error} retry={reset} />
    </>
  );
}

/** What only a signed-in developer sees; others are led to the sign-in and back. */
export function SignedIn({ title, children }: { title: string; children: (developer: Developer) => ReactNode }) {
  const { data, error, refetch } = useDeveloper();
  if (data) return <>{children(data)}</>;
  if (error || data === undefined) {
    return (
      <>
        <Head title={title} />
        {error ? <ErrorState error={error} retry={() => void refetch()} /> : <FormSkeleton />}
      </>
    );
  }
  return (
    <>
      <Head title={title}>Sign in to see what is yours.</Head>
      <Button component="a" href={hrefOf('/login', { next: window.location.pathname + window.location.search })}>
        Sign in
      </Button>
    </>
  );
}
