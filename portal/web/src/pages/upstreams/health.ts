import type { Schemas } from '@/api/client';

export type HealthReport = Schemas['HealthReport'];

/** One target as all edges together see it. */
export interface TargetHealth {
  upstream: string;
  target: string;
  /** The one of the addresses of the target's name. */
  address?: string;
  /** Edges that use it, and those that find it healthy. */
  edges: number;
  healthy: number;
  /** What edges hold against it, each reason once, with the edges that say so. */
  reasons: { reason: string; edges: string[]; since?: string }[];
}

/** The targets of a report, one line each, the unhealthy first. */
export function targetsOf(report: HealthReport, upstream?: string): TargetHealth[] {
  const found = new Map<string, TargetHealth>();
  for (const line of report.targets) {
    if (upstream !== undefined && line.upstream !== upstream) continue;
    const key = `${line.upstream}\n${line.target}\n${line.address ?? ''}`;
    const at = found.get(key) ?? { upstream: line.upstream, target: line.target, address: line.address, edges: 0, healthy: 0, reasons: [] };
    found.set(key, at);
    at.edges++;
    if (line.healthy) {
      at.healthy++;
      continue;
    }
    const reason = line.reason ?? 'unhealthy';
    const same = at.reasons.find((r) => r.reason === reason);
    if (same) same.edges.push(line.edge);
    else at.reasons.push({ reason, edges: [line.edge], since: line.since });
  }
  const down = (t: TargetHealth) => (t.edges === 0 ? 0 : t.healthy / t.edges);
  return [...found.values()].sort((a, b) => down(a) - down(b) || a.upstream.localeCompare(b.upstream) || a.target.localeCompare(b.target) || (a.address ?? '').localeCompare(b.address ?? ''));
}

/** In words: "healthy on 3 of 3 edges". */
export function healthWords(target: TargetHealth): string {
  return `healthy on ${target.healthy} of ${target.edges} edge${target.edges === 1 ? '' : 's'}`;
}

/** The targets of each upstream. */
export function byUpstream(targets: readonly TargetHealth[]): Map<string, TargetHealth[]> {
  const found = new Map<string, TargetHealth[]>();
  for (const target of targets) {
    const list = found.get(target.upstream);
    if (list) list.push(target);
    else found.set(target.upstream, [target]);
  }
  return found;
}
