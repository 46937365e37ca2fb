import { Group, Text, Title } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { Schemas } from '@/api/client';
import { money } from '@/ui/format';
import { factsOf } from './planFacts';
import classes from './Plans.module.css';

export interface PlanCardProps {
  plan: Schemas['Plan'];
  /** The heading's level. */
  order: 2 | 3;
  /** Stands beside the title. */
  badge?: ReactNode;
  own?: boolean;
  /** What can be done with it. */
  children?: ReactNode;
}

/** Plans beside one another. */
export function PlanCards({ children }: { children: ReactNode }) {
  return <div className={classes.plans}>{children}</div>;
}

/** A plan with its price and what it holds. */
export function PlanCard({ plan, order, badge, own, children }: PlanCardProps) {
  return (
    <article className={classes.plan} data-own={own || undefined}>
      <Group justify="space-between">
        <Title order={order}>{plan.title}</Title>
        {badge}
      </Group>
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
      {children}
    </article>
  );
}
