import { Box, Button, Skeleton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { $api } from '@/api/client';
import { Loaded } from '@/ui/Loaded';
import { PlanCard, PlanCards } from './PlanCard';

/** The plans as the API lists them, cheapest first. */
export function Plans() {
  const query = $api.useQuery('get', '/v1/plans', undefined, { staleTime: 600_000 });
  return (
    <Box mt="xl">
      <Loaded query={query} skeleton={<PlansSkeleton />}>
        {({ items }) => (
          <PlanCards>
            {[...items].sort((a, b) => a.price_cents - b.price_cents).map((plan) => (
              <PlanCard key={plan.name} plan={plan} order={3}>
                <Button variant={plan.price_cents === 0 ? 'filled' : 'default'} renderRoot={(props) => <Link to="/signup" {...props} />}>
                  {plan.price_cents === 0 ? 'Start for free' : `Start with ${plan.title}`}
                </Button>
              </PlanCard>
            ))}
          </PlanCards>
        )}
      </Loaded>
    </Box>
  );
}

function PlansSkeleton() {
  return (
    <PlanCards>
      {[0, 1, 2].map((i) => (
        <Skeleton key={i} height={388} radius="lg" />
      ))}
    </PlanCards>
  );
}
