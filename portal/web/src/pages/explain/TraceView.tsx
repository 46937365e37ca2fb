import { Badge, Group, Text, Title } from '@mantine/core';
import { IconCheck, IconHourglass, IconMinus, IconX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { Schemas } from '@/api/client';
import { leftOf } from '@/ui/format';
import { StateDot, type DotState } from '@/ui';
import { TextLink } from '@/ui/LinkTo';
import classes from './Trace.module.css';

type Trace = Schemas['Trace'];
type PolicyStep = NonNullable<Trace['policies']>[number];

/** How a request was, or would be, decided: step by step, with why. */
export function TraceView({ trace, gateway }: { trace: Trace; gateway: string }) {
  const candidates = trace.candidates ?? [];
  const policies = trace.policies ?? [];
  const refused = trace.status >= 400;
  return (
    <ol className={classes.steps} aria-label="Decision trace">
      <Step state="good" title="Arrived">
        <Text size="sm">
          <span className="tg-mono">
            {trace.method} {trace.host}
            {trace.path}
          </span>
        </Text>
        <Text size="sm" c="dimmed">
          Edge <span className="tg-mono">{trace.edge}</span>, version {trace.version} of the configuration
        </Text>
      </Step>
      <Step state={trace.route ? 'good' : 'bad'} title={trace.route ? <>Route {<RouteLink gateway={gateway} name={trace.route} />}</> : 'No route matched'}>
        <ul className={classes.lines}>
          {candidates.map((c) => (
            <li key={c.route} className={classes.line}>
              {c.matched ? <IconCheck size={15} color="var(--tg-good)" aria-label="matched" /> : <IconX size={15} color="var(--mantine-color-dimmed)" aria-label="did not match" />}
              <span>
                <RouteLink gateway={gateway} name={c.route} />: {c.why}
              </span>
            </li>
          ))}
        </ul>
        {candidates.length === 0 && !trace.route ? (
          <Text size="sm" c="dimmed">
            No route’s path comes near this one.
          </Text>
        ) : null}
      </Step>
      {policies.length > 0 ? (
        <Step state={policies.some((p) => p.verdict === 'reject') ? 'bad' : 'good'} title="Policies">
          <ul className={classes.lines}>
            {policies.map((p, i) => (
              <PolicyLine key={i} step={p} />
            ))}
          </ul>
        </Step>
      ) : null}
      {trace.consumer ? (
        <Step state="good" title="Caller">
          <Text size="sm">
            Consumer <TextLink to="/gateways/$gw/consumers/$name" params={{ gw: gateway, name: trace.consumer }}>{trace.consumer}</TextLink>
            {trace.key ? (
              <>
                {' with key '}
                <TextLink to="/gateways/$gw/keys/$key" params={{ gw: gateway, key: trace.key }}>
                  <span className="tg-mono">{trace.key}</span>
                </TextLink>
              </>
            ) : null}
          </Text>
        </Step>
      ) : null}
      {trace.limits && trace.limits.length > 0 ? (
        <Step state={trace.limits.some((l) => l.left <= 0) ? 'warn' : 'good'} title="Limits">
          <ul className={classes.lines}>
            {trace.limits.map((l, i) => (
              <li key={i} className={classes.line}>
                {l.left > 0 ? <IconCheck size={15} color="var(--tg-good)" aria-label="left" /> : <IconX size={15} color="var(--tg-bad)" aria-label="used up" />}
                <span>
                  {l.name} of the {l.from.replaceAll('_', ' ')}: {leftOf(l)}
                </span>
              </li>
            ))}
          </ul>
        </Step>
      ) : null}
      {trace.target ? (
        <Step state="good" title="Target">
          <Text size="sm" className="tg-mono">
            {trace.target}
          </Text>
          {trace.target_why ? (
            <Text size="sm" c="dimmed">
              {trace.target_why}
            </Text>
          ) : null}
        </Step>
      ) : null}
      <Step state={refused ? 'bad' : 'good'} title={outcome(trace)}>
        {trace.code ? (
          <Text size="sm">
            <a href={`/docs/errors#${trace.code}`} className="tg-mono" style={{ color: 'var(--mantine-color-anchor)' }}>
              {trace.code}
            </a>
            {trace.detail ? `: ${trace.detail}` : ''}
          </Text>
        ) : null}
      </Step>
    </ol>
  );
}

function outcome(trace: Trace): string {
  if (trace.status === 0) return 'It would be sent on';
  return trace.code ? `Refused with ${trace.status}` : `Answered with ${trace.status}`;
}

function RouteLink({ gateway, name }: { gateway: string; name: string }) {
  return (
    <TextLink to="/gateways/$gw/routes/$name" params={{ gw: gateway, name }}>
      {name}
    </TextLink>
  );
}

const verdicts: Record<string, { words: string; Icon: typeof IconCheck; colour: string }> = {
  next: { words: 'passed', Icon: IconCheck, colour: 'var(--tg-good)' },
  wait: { words: 'waited', Icon: IconHourglass, colour: 'var(--tg-warn)' },
  reject: { words: 'refused', Icon: IconX, colour: 'var(--tg-bad)' },
  answer: { words: 'answered', Icon: IconCheck, colour: 'var(--tg-good)' },
  skipped: { words: 'skipped', Icon: IconMinus, colour: 'var(--mantine-color-dimmed)' },
};

function PolicyLine({ step }: { step: PolicyStep }) {
  const { words, Icon, colour } = verdicts[step.verdict] ?? { words: step.verdict, Icon: IconMinus, colour: 'var(--mantine-color-dimmed)' };
  return (
    <li className={classes.line}>
      <Icon size={15} color={colour} aria-hidden />
      <span>
        <strong>{step.type}</strong> {words}
        {step.code ? <span className="tg-mono"> {step.code}</span> : null}
        {step.detail ? `: ${step.detail}` : ''}{' '}
        <Badge variant="light" color="gray" size="sm" tt="none">
          {step.phase}, from the {step.from.replaceAll('_', ' ')}
        </Badge>
      </span>
    </li>
  );
}

function Step({ state, title, children }: { state: DotState; title: ReactNode; children?: ReactNode }) {
  return (
    <li className={classes.step}>
      <span className={classes.mark}>
        <StateDot state={state} />
      </span>
      <Group gap="xs">
        <Title order={3} fz="sm">
          {title}
        </Title>
      </Group>
      {children}
    </li>
  );
}
