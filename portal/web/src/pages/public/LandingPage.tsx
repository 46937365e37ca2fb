import { Button, Group, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { currentOrganization } from '@/api/organization';
import { Brand } from '@/shell/Brand';
import { SchemeSwitch } from '@/shell/SchemeSwitch';
import frame from '@/shell/Shell.module.css';
import { Features } from './Features';
import classes from './Landing.module.css';
import { Plans } from './Plans';
import { SampleTrace } from './SampleTrace';

export default function LandingPage() {
  useEffect(() => {
    document.title = 'Tollgate: API gateway and load balancer, managed';
  }, []);
  // Only a hint from the last visit; whether a session is still good, the next page finds out.
  const known = currentOrganization() !== undefined;
  return (
    <div className={classes.page}>
      <a className={frame.skip} href="#content">
        Skip to the content
      </a>
      <header className={classes.bar}>
        <Brand to="/" />
        <Group gap="xs" component="nav" aria-label="Main">
          <Button component="a" href="/docs/" visibleFrom="sm" variant="subtle" color="gray" c="var(--mantine-color-text)">
            Documentation
          </Button>
          <Entry known={known} />
          <SchemeSwitch />
        </Group>
      </header>
      <main id="content" tabIndex={-1} className={classes.main}>
        <section className={`${classes.wide} ${classes.hero}`}>
          <div>
            <h1 className={classes.title}>Put a gate before your APIs. Run no servers for it.</h1>
            <p className={classes.lead}>
              Tollgate takes your traffic at its edge, checks keys and quotas, balances over your backends and counts what you bill. You change a
              route here and see it live on every edge, and for every refused request you can read why.
            </p>
            <Group gap="sm">
              <Button size="md" renderRoot={(props) => <Link to="/signup" {...props} />}>
                Start for free
              </Button>
              <Button size="md" variant="default" component="a" href="/docs/getting-started">
                Five-minute start
              </Button>
            </Group>
          </div>
          <SampleTrace />
        </section>
        <section className={`${classes.wide} ${classes.band}`} aria-labelledby="features">
          <Title order={2} size="h1" id="features">
            What it does
          </Title>
          <Features />
        </section>
        <section className={`${classes.wide} ${classes.band}`} aria-labelledby="plans">
          <Title order={2} size="h1" id="plans">
            Plans and prices
          </Title>
          <Text c="dimmed" mt={6} maw="42rem">
            You pay for requests that your backends or the cache answered. What the edge refuses is never billed, and gateways in test mode are
            free.
          </Text>
          <Plans />
        </section>
      </main>
      <footer className={classes.foot}>
        <div className={classes.footLinks}>
          <a href="/docs/">Documentation</a>
          <a href="/docs/api">Management API</a>
          <a href="/openapi.yaml">OpenAPI document</a>
          <a href="/docs/limits">Limits and what they guarantee</a>
        </div>
      </footer>
    </div>
  );
}

function Entry({ known }: { known: boolean }) {
  if (known) {
    return <Button renderRoot={(props) => <Link to="/gateways" {...props} />}>Open the portal</Button>;
  }
  return (
    <>
      <Button variant="default" px="sm" renderRoot={(props) => <Link to="/login" {...props} />}>
        Sign in
      </Button>
      <Button px="sm" renderRoot={(props) => <Link to="/signup" {...props} />}>
        Sign up
      </Button>
    </>
  );
}
