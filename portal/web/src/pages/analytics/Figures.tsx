import { Group, SimpleGrid, Text } from '@mantine/core';
import { IconArrowDownRight, IconArrowUpRight, IconEqual } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { bytes, count } from '@/ui/format';
import { exactMs } from './exact';
import { change, type Measure, type UsagePoint, type UsageReport } from './series';

/** The sums of the view's time, each as the API gave it. */
export function Figures({ report }: { report: UsageReport }) {
  const { total, previous, measures } = report;
  const has = (m: Measure) => measures.includes(m);
  const before = previous?.total;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm" className="tg-figures">
      <Figure label="Requests" value={count(total.requests)} now={total.requests} before={before?.requests} more={has('billed') ? `${count(total.billed)} billed` : undefined} />
      {has('refused') ? (
        <>
          <Figure label="Errors by the edge" value={count(total.refused)} now={total.refused} before={before?.refused} more={share(total.refused, total)} />
          <Figure label="Errors by backends" value={count(total.upstream_errors)} now={total.upstream_errors} before={before?.upstream_errors} more={share(total.upstream_errors, total)} />
        </>
      ) : (
        <Figure label="Errors" value={count(total.errors)} now={total.errors} before={before?.errors} more={share(total.errors, total)} />
      )}
      {has('upstream_ms') ? <Times label="Backends’ time, p95" now={total.upstream_ms} before={before?.upstream_ms} /> : null}
      {has('edge_ms') ? <Times label="Edge’s time, p95" now={total.edge_ms} before={before?.edge_ms} /> : null}
      {has('bytes_out') ? (
        <Figure
          label="Sent to callers"
          value={bytes(total.bytes_out)}
          now={total.bytes_out}
          before={before?.bytes_out}
          more={`${count(total.bytes_out)} bytes; ${count(total.bytes_in)} received`}
        />
      ) : null}
    </SimpleGrid>
  );
}

const share = (part: number, total: UsagePoint): string | undefined =>
  total.requests === 0 ? undefined : `${((part / total.requests) * 100).toLocaleString('en', { maximumSignificantDigits: 3 })}% of the requests`;

function Times({ label, now, before }: { label: string; now: UsagePoint['edge_ms']; before: UsagePoint['edge_ms'] }) {
  if (!now) return <Figure label={label} value="–" more="nothing measured" />;
  return <Figure label={label} value={exactMs(now.p95)} now={now.p95} before={before?.p95} more={`p50 ${exactMs(now.p50)}, p99 ${exactMs(now.p99)}`} />;
}

interface FigureProps {
  label: string;
  value: string;
  now?: number;
  before?: number;
  more?: ReactNode;
}

function Figure({ label, value, now, before, more }: FigureProps) {
  return (
    <div className="tg-panel" style={{ padding: '12px 14px', minWidth: 0 }}>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Text fz="1.375rem" fw={600} lh={1.3} style={{ overflowWrap: 'anywhere' }}>
        {value}
      </Text>
      {now !== undefined && before !== undefined ? <Change now={now} before={before} /> : null}
      {more ? (
        <Text size="xs" c="dimmed">
          {more}
        </Text>
      ) : null}
    </div>
  );
}

function Change({ now, before }: { now: number; before: number }) {
  const Icon = now > before ? IconArrowUpRight : now < before ? IconArrowDownRight : IconEqual;
  return (
    <Group gap={4} wrap="nowrap">
      <Icon size={14} aria-hidden />
      <Text size="xs">{change(now, before)}</Text>
    </Group>
  );
}
