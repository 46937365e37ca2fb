import { Button, Skeleton, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { IconCheck } from '@tabler/icons-react';
import { $api, type Schemas } from '@/api/client';
import { money } from '@/ui/format';
import { Loaded } from '@/ui/Loaded';
import classes from './Landing.module.css';
import { factsOf } from './planFacts';

/** The plans as the API lists them, cheapest first. */
export function Plans() {
  const query = $api.useQuery('get', '/v1/plans', undefined, { staleTime: 600_000 });
  return (
    <Loaded query={query} skeleton={<PlansSkeleton />}>
      {({ items }) => (
        <div className={classes.plans}>
          {[...items].sort((a, b) => a.price_cents - b.price_cents).map((plan) => (
            <Plan key={plan.name} plan={plan} />
          ))}
        </div>
      )}
    </Loaded>
  );
}

function PlansSkeleton() {
  return (
    <div className={classes.plans}>
      {[0, 1, 2].map((i) => (
        <Skeleton key={i} height={388} radius="lg" />
      ))}
    </div>
  );
}

function Plan({ plan }: { plan: Schemas['Plan'] }) {
  return (
    <article className={classes.plan}>
      <Title order={3}>{plan.title}</Title>
      <div>
        <span className={classes.price}>{money(plan.price_cents, plan.currency)}</span>
        <Text span c="dimmed">
          {' '}
          a month
        </Text>
      </div>
      <ul className={classes.facts}>
        {factsOf(plan).map((fact) => (
          <li key={fact}>
            <IconCheck size={16} aria-hidden />
            {fact}
          </li>
        ))}
      </ul>
      <Button variant={plan.price_cents === 0 ? 'filled' : 'default'} renderRoot={(props) => <Link to="/signup" {...props} />}>
        {plan.price_cents === 0 ? 'Start for free' : `Start with ${plan.title}`}
      </Button>
    </article>
  );
}
