import { Anchor, Button, Container, Group, Text, Title } from '@mantine/core';
import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { ErrorState } from '@/ui/ErrorState';

/** An address that is no page. */
export function PageMissing() {
  return (
    <Container size="sm" py={64} component="main" id="content" tabIndex={-1}>
      <Title order={1}>There is no such page</Title>
      <Text mt="xs" c="dimmed">
        The address may be mistyped, or what it showed may be gone.
      </Text>
      <Group mt="lg">
        <Button renderRoot={(props) => <Link to="/gateways" {...props} />}>To the gateways</Button>
        <Anchor href="/docs/">Documentation</Anchor>
      </Group>
    </Container>
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
    <Container size="md" py="xl">
      <ErrorState error={stale ? new Error('The portal was updated meanwhile. Load the page again.') : error} retry={retry} />
    </Container>
  );
}
