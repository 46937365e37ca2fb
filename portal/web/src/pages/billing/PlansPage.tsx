import { Alert, Badge, Button, Text } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '@/api/session';
import { FiguresSkeleton, Loaded, PageHeader, useSearchParams } from '@/ui';
import { PlanCard, PlanCards } from '../public/PlanCard';
import type { Plan, Subscription } from './act';
import { ChangePlan } from './ChangePlan';
import { needsCheckout, stepTo } from './compare';
import { PlanState } from './PlanState';
import { usePlans, useSubscription } from './useSubscription';

export default function PlansPage() {
  const query = useSubscription();
  const plans = usePlans();
  return (
    <>
      <PageHeader title="Plans" description="A larger plan takes effect at once, at every edge within seconds; a smaller one when the period ends. What you have used carries over." docs="/docs/billing#plans" />
      <Loaded query={query} skeleton={<FiguresSkeleton figures={3} />}>
        {(subscription) => (
          <Loaded query={plans} skeleton={<FiguresSkeleton figures={3} />}>
            {(list) => <Choice subscription={subscription} plans={list} />}
          </Loaded>
        )}
      </Loaded>
    </>
  );
}

function Choice({ subscription, plans }: { subscription: Subscription; plans: Plan[] }) {
  const may = useMay('billing:write');
  const [words, setWords] = useSearchParams();
  const [last, setLast] = useState<Plan>();
  const titles = Object.fromEntries(plans.map((p) => [p.name, p.title]));
  const chosen = may ? plans.find((p) => p.name === words.to && (p.name !== subscription.plan.name || needsCheckout(subscription, p))) : undefined;
  if (chosen && chosen !== last) setLast(chosen);
  return (
    <>
      <PlanState subscription={subscription} titles={titles} />
      {words.checkout === 'canceled' ? (
        <Alert color="gray" variant="light" mb="lg" title="Nothing was bought" withCloseButton closeButtonLabel="Close" onClose={() => setWords({ checkout: undefined })}>
          You left the payment page. The plan is as it was.
        </Alert>
      ) : null}
      {!subscription.payment && plans.some((p) => p.price_cents > 0) ? (
        <Text size="sm" c="dimmed" mb="md">
          This Tollgate takes no payments: prices are shown, nothing is charged.
        </Text>
      ) : null}
      <PlanCards>
        {plans.map((plan) => (
          <Card key={plan.name} plan={plan} subscription={subscription} onChoose={may ? () => setWords({ to: plan.name, checkout: undefined }) : undefined} />
        ))}
      </PlanCards>
      {may ? null : (
        <Text size="sm" c="dimmed" mt="md">
          Owners, and who cares for the billing, can change the plan.
        </Text>
      )}
      {last ? <ChangePlan key={last.name} opened={chosen !== undefined} to={last} subscription={subscription} onClose={() => setWords({ to: undefined })} /> : null}
    </>
  );
}

function Card({ plan, subscription, onChoose }: { plan: Plan; subscription: Subscription; onChoose?: () => void }) {
  const own = plan.name === subscription.plan.name;
  const next = subscription.next_plan === plan.name;
  const step = stepTo(subscription.plan, plan);
  const given = own && !next && needsCheckout(subscription, plan); // by an operator: it can be bought as well
  return (
    <PlanCard plan={plan} order={2} own={own} badge={own ? <Badge>Your plan</Badge> : next ? <Badge color="amber">From the next period</Badge> : null}>
      {given && onChoose ? (
        <Button onClick={onChoose}>Subscribe to {plan.title}</Button>
      ) : own || next || !onChoose ? null : plan.self_serve ? (
        <Button variant={step === 'upgrade' ? 'filled' : 'default'} onClick={onChoose}>
          {step === 'upgrade' ? `Upgrade to ${plan.title}` : `Change to ${plan.title}`}
        </Button>
      ) : (
        <Text size="sm" c="dimmed">
          Whoever runs this Tollgate gives this plan.
        </Text>
      )}
    </PlanCard>
  );
}
