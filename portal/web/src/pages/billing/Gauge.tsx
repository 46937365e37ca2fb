import { Stack, Text } from '@mantine/core';
import { Time } from '@/ui';
import { count, utcDate } from '@/ui/format';
import type { Subscription } from './act';
import classes from './Gauge.module.css';
import { gaugeOf, type Measured } from './gauge';

/** The requests of the running period against what is included, what is expected and where it stops. */
export function Gauge({ subscription }: { subscription: Subscription }) {
  return <Bar subscription={subscription} note="Only live gateways count, and only what a backend or the cache answered." />;
}

/** The same for as much as is known of a subscription, with a sentence below. */
export function Bar({ subscription, note }: { subscription: Measured & { period_end: string }; note: string }) {
  const { plan, period_end: end } = subscription;
  const parts = gaugeOf(subscription);
  const { own: used, before } = parts;
  const expected = parts.expected > used ? parts.expected : undefined;
  const words = [
    `${count(used)} requests used`,
    plan.included_requests === undefined ? '' : `${count(plan.included_requests)} included`,
    expected === undefined ? '' : `about ${count(expected)} expected by the end`,
    parts.stopAt === undefined ? '' : `refused from ${count(parts.stopAt)}`,
  ].filter(Boolean);
  const at = (left: number, width: number) => ({ left: `${left}%`, width: `${width}%` });
  return (
    <Stack gap="sm" className="tg-panel" p="lg" mb="xl">
      <Text fz="1.625rem" fw={600} lh={1.2} className="tg-figures">
        {count(used)}{' '}
        <Text span size="md" fw={400} c="dimmed">
          {plan.included_requests === undefined ? 'requests billed in this period' : parts.over > 0 ? `requests, ${count(plan.included_requests)} of them included` : `of ${count(plan.included_requests)} included requests used`}
        </Text>
      </Text>
      <div className={classes.track} role="img" aria-label={words.join(', ')}>
        <div className={classes.fill} style={{ width: `${parts.within}%` }} />
        <div className={classes.over} style={at(parts.within, parts.over)} />
        <div className={classes.coming} style={at(parts.within + parts.over, parts.coming)} />
        {[parts.included, parts.stop].map((left, i) => (left === undefined ? null : <div key={i} className={classes.mark} style={{ left: `calc(${left}% - 1px)` }} />))}
      </div>
      <ul className={classes.key} aria-hidden>
        {parts.over > 0 ? <Key swatch={classes.over}>{count(used - (plan.included_requests ?? 0))} beyond the included ones</Key> : null}
        {expected === undefined ? null : (
          <Key swatch={classes.coming}>
            about {count(expected)} by {utcDate(end)}, at this pace
          </Key>
        )}
        {parts.included === undefined ? null : (
          <li>
            <span className={classes.line} />
            {count(plan.included_requests ?? 0)} included
          </li>
        )}
        {parts.stop === undefined ? null : (
          <li>
            <span className={classes.line} />
            {count(parts.stopAt ?? 0)}: the spending cap
          </li>
        )}
      </ul>
      <Text size="sm" c="dimmed">
        {before > 0 ? `${count(before)} more were served on another plan before, in this period. ` : ''}The next period begins <Time at={end} />. {note}
      </Text>
    </Stack>
  );
}

function Key({ swatch, children }: { swatch: string | undefined; children: React.ReactNode }) {
  return (
    <li>
      <span className={classes.swatch}>
        <span className={swatch} style={{ inset: 0 }} />
      </span>
      <span>{children}</span>
    </li>
  );
}
