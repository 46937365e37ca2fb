import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { ErrorState, PageHeader, PanelSkeleton, useSearchParams } from '@/ui';
import { TextLink } from '@/ui/LinkTo';
import { BackendsStep } from './BackendsStep';
import { GatewayStep } from './GatewayStep';
import classes from './Guide.module.css';
import { KeyStep } from './KeyStep';
import { RequestStep } from './RequestStep';
import { RouteStep } from './RouteStep';
import { Step, type StepState } from './Step';
import { useProgress } from './useGuide';

/** From nothing to an answered request, in five steps. */
export default function GuidePage() {
  const [search, setSearch] = useSearchParams();
  const name = search.gateway;
  const at = useProgress(name);
  const [secret, setSecret] = useState<string>();
  const [answered, setAnswered] = useState(false);
  const open = at.route !== undefined && !at.route.policies?.some((p) => p.type === 'api_key');
  const finished = [at.gateway !== undefined, at.upstream !== undefined, at.route !== undefined, open || secret !== undefined || at.key !== undefined, answered];
  const next = finished.indexOf(false);
  const state = (i: number): StepState => (finished[i] ? 'done' : i === next ? 'now' : 'later');
  const gateway = at.gateway?.name ?? name ?? '';
  return (
    <>
      <PageHeader
        title="First steps"
        description="Five steps from nothing to a request that is answered through the edge. You can leave and come back at any of them."
        docs="/docs/getting-started"
      />
      {at.error ? (
        <ErrorState error={at.error} retry={at.retry} actions={<TextLink to="/guide">Begin with another gateway</TextLink>} />
      ) : at.loading ? (
        <PanelSkeleton lines={6} />
      ) : (
        <ol className={classes.steps}>
          <Step number={1} title="Make a gateway" state={state(0)} summary={<>{at.gateway?.hostname}</>}>
            <GatewayStep onChosen={(chosen) => setSearch({ gateway: chosen })} />
          </Step>
          <Step number={2} title="Name your backends" state={state(1)} summary={at.upstream?.targets.map((t) => t.url).join(', ')}>
            <BackendsStep gateway={gateway} />
          </Step>
          <Step number={3} title="Make a route" state={state(2)} summary={at.route ? `${at.route.match.path} to ${at.route.upstream ?? 'its policies'}` : ''}>
            <RouteStep gateway={gateway} upstream={at.upstream?.name ?? ''} />
          </Step>
          <Step
            number={4}
            title="Issue an API key"
            state={state(3)}
            summary={open ? 'Not needed: the route is public.' : `For ${at.key?.consumer ?? 'your first consumer'}`}
          >
            <KeyStep gateway={gateway} onIssued={setSecret} />
          </Step>
          <Step number={5} title="Send a request" state={answered ? 'now' : state(4)}>
            {at.gateway ? <RequestStep gateway={at.gateway} secret={secret} open={open} path={at.route?.match.path ?? '/'} onAnswered={() => setAnswered(true)} /> : null}
          </Step>
        </ol>
      )}
      {name ? (
        <p>
          <Anchor renderRoot={(props) => <Link to="/gateways/$gw/overview" params={{ gw: name }} {...props} />}>To the gateway {name}</Anchor>
        </p>
      ) : null}
    </>
  );
}
