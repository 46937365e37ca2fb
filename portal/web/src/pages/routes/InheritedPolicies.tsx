import { Badge, Stack, Text, Title } from '@mantine/core';
import { TextLink } from '@/ui/LinkTo';
import { inherited } from '@/pages/policies/order';
import classes from '@/pages/policies/Policies.module.css';
import { summaryOf } from '@/pages/policies/schema';
import type { Catalogue, Policy } from '@/pages/policies/usePolicyTypes';

export interface InheritedPoliciesProps {
  gateway: string;
  catalogue: Catalogue;
  ofGateway: Policy[];
  ofRoute: Policy[];
}

/** What the route has from the gateway, and what of it the route's own policies replace. */
export function InheritedPolicies({ gateway, catalogue, ofGateway, ofRoute }: InheritedPoliciesProps) {
  const list = inherited(ofGateway, ofRoute, catalogue.phaseOf);
  return (
    <section>
      <Title order={2}>From the gateway</Title>
      <Text size="sm" c="dimmed" mb="sm">
        {list.length === 0 ? 'The gateway has no policies that every route inherits. ' : 'Every route inherits these; the same type here replaces them, limits add up. '}
        <TextLink to="/gateways/$gw/policies" params={{ gw: gateway }}>
          The gateway’s policies
        </TextLink>
      </Text>
      <Stack gap={6} component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
        {list.map(({ policy, replaced }, i) => (
          <li key={i} className={classes.inherited}>
            <Text span fw={550} td={replaced ? 'line-through' : undefined}>
              {catalogue.find(policy.type)?.title ?? policy.type}
            </Text>
            <Badge variant="light" color="gray" tt="none">
              {replaced ? 'Replaced by this route’s' : 'Inherited'}
            </Badge>
            <Text span size="xs" c="dimmed" className="tg-mono">
              {summaryOf(policy.config)}
            </Text>
          </li>
        ))}
      </Stack>
    </section>
  );
}
