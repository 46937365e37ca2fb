import { Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { $api } from '@/api/client';
import { steady } from '@/api/queries';
import { ChartSkeleton, Loaded } from '@/ui';
import { TimeChart } from '@/ui/charts/TimeChart';
import { rangeOf } from '@/ui/range';
import { asReport } from '../analytics/series';
import { inputOf, type AlertForm } from './form';
import { chartPoints, crossings, figures } from './preview';
import { durationWords, kindNames, ruleWords, valueWords, windowed, type Kind } from './words';

/** What is to be known of figures that no chart shows. */
const notes: Partial<Record<Kind, string>> = {
  quota: 'The use of a quota only rises within its period, so the alert fires once a period at most. It ends when the next period begins.',
  certificate:
    'All that callers are shown is watched: uploaded certificates, and those that are issued by themselves once their renewal is overdue. The alert fires too when two orders of a certificate have failed in a row, and when the DNS record of a domain is gone.',
  telemetry: 'All telemetry destinations of the organization are watched that take what this gateway does. The figure is how long the one that fails longest has taken nothing.',
};

/** What the rule would have seen in the last hours, with its threshold across. */
export function AlertPreview({ gateway, form }: { gateway: string; form: AlertForm }) {
  const [{ route, consumer }] = useDebouncedValue({ route: form.route, consumer: form.consumer }, 300);
  const rule = inputOf(form);
  const query = $api.useQuery(
    'get',
    '/v1/gateways/{gateway}/usage',
    {
      params: {
        path: { gateway },
        query: {
          ...rangeOf({}, '6h'),
          interval: 'minute',
          ...(route && windowed(rule.kind) ? { route } : {}),
          ...(consumer && rule.kind !== 'latency' && windowed(rule.kind) ? { consumer } : {}),
        },
      },
    },
    { ...steady, select: asReport, enabled: windowed(rule.kind) },
  );
  const plain = notes[rule.kind];
  if (plain) {
    return (
      <Text size="sm" c="dimmed">
        {plain}
      </Text>
    );
  }
  if (rule.kind === 'release') {
    return (
      <Text size="sm" c="dimmed">
        It fires when the rules of a release take all callers out of its variant again, and says why. It ends when the release begins anew, its schedule changes, or it is taken out. A release that somebody stopped by hand is none.
      </Text>
    );
  }
  return (
    <Loaded query={query} skeleton={<ChartSkeleton height={300} />}>
      {({ points }) => {
        const values = figures(points, rule);
        const times = crossings(rule, values);
        return (
          <>
            <TimeChart
              title={`${kindNames[rule.kind]} in the last 6 hours`}
              note={
                rule.kind === 'latency'
                  ? 'Each point is one minute; the alert takes the percentile over the whole window, which is calmer.'
                  : `Each point is the figure over the ${durationWords(rule.window)} that end with it.`
              }
              points={chartPoints(points, rule)}
              series={[
                { id: 'value', label: kindNames[rule.kind], color: 'var(--tg-c1)', kind: 'line' },
                { id: 'threshold', label: 'Threshold', color: 'var(--tg-c2)', kind: 'line', dash: '8 4' },
              ]}
              interval="minute"
              zone="local"
              format={(value) => valueWords(rule.kind, value)}
              axis={(value) => value.toLocaleString('en', { maximumSignificantDigits: 3, notation: 'compact' })}
              height={190}
            />
            <Text size="sm" mt="xs" role="status">
              <strong>{ruleWords(rule)}:</strong>{' '}
              {values.every((v) => v === null)
                ? 'there was too little traffic in these hours to say.'
                : times === 0
                  ? 'never in these hours.'
                  : `${times} ${times === 1 ? 'time' : 'times'} in these hours, without counting how long it lasted.`}
            </Text>
          </>
        );
      }}
    </Loaded>
  );
}
