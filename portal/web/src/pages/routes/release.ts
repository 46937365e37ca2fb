import type { Schemas } from '@/api/client';
import type { DotState } from '@/ui';
import type { ChartPoint } from '@/ui/charts/TimeChart';
import { durationWords } from '@/pages/alerts/words';

export type Release = Schemas['Release'];
export type Outcome = Release['outcome'];

/** Whether one of the route's policies is a release with a schedule. */
export function hasSchedule(policies: readonly Schemas['Policy'][] | undefined): boolean {
  return (policies ?? []).some((p) => p.type === 'release' && variantsOf(p.config).some((v) => typeof v === 'object' && v !== null && 'schedule' in v && v.schedule));
}

function variantsOf(config: unknown): unknown[] {
  const list = (config as { variants?: unknown } | undefined)?.variants;
  return Array.isArray(list) ? list : [];
}

const outcomes: Record<Outcome, { label: string; dot: DotState }> = {
  waiting: { label: 'Has not begun', dot: 'idle' },
  running: { label: 'Running', dot: 'busy' },
  paused: { label: 'Paused', dot: 'warn' },
  done: { label: 'Done', dot: 'good' },
  stopped: { label: 'Stopped', dot: 'bad' },
};

/** What a release is at in words, with the dot that goes with it. */
export function outcomeOf(r: Pick<Release, 'outcome' | 'manual'>): { label: string; dot: DotState } {
  if (r.outcome === 'stopped') return { label: r.manual ? 'Stopped by hand' : 'Stopped by its rules', dot: r.manual ? 'idle' : 'bad' };
  return outcomes[r.outcome];
}

export type Action = Schemas['ReleaseAction']['action'];

/** What can be done to a release that is at this. */
export function actionsOf(outcome: Outcome): Action[] {
  switch (outcome) {
    case 'waiting':
      return ['stop'];
    case 'running':
      return ['pause', 'stop'];
    case 'paused':
      return ['resume', 'stop'];
    case 'done':
      return ['stop', 'restart'];
    case 'stopped':
      return ['restart'];
  }
}

/** The rules that stop a release, each in words. */
export function ruleWords(rules: Release['rules']): string[] {
  const of = `its ${rules.percentile}`;
  const said: string[] = [];
  if (rules.error_percent) said.push(`more than ${rules.error_percent}% of its requests fail`);
  if (rules.error_percent_above_stable) said.push(`its errors are more than ${rules.error_percent_above_stable} points above the stable version’s`);
  if (rules.latency) said.push(`${of} is over ${rules.latency}`);
  if (rules.latency_times_stable) said.push(`${of} is over ${rules.latency_times_stable} times the stable version’s`);
  return said;
}

/** A step as a short text: "10% for 30 minutes". */
export function stepWords(step: Release['steps'][number]): string {
  return step.for ? `${step.percent}% for ${durationWords(step.for)}` : `${step.percent}%`;
}

type Sample = Schemas['ReleaseSample'];

/** The chart's points of one figure: the variant beside the stable version; null where nothing was measured. */
export function pointsOf(minutes: Release['minutes'], figure: (s: Sample) => number | null | undefined): ChartPoint[] {
  return minutes.map((m) => ({ time: Date.parse(m.time), values: { variant: figure(m.variant) ?? null, stable: figure(m.stable) ?? null } }));
}

export const errorsOf = (s: Sample): number | null => (s.requests > 0 ? s.error_percent : null);

/** The percentile that the rules look at. */
export const latencyOf = (percentile: Release['rules']['percentile']) => (s: Sample): number | undefined => s[`${percentile}_ms`];
