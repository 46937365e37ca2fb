/** The phases in which policies run, in this order. */
export const phases = ['guard', 'authenticate', 'authorize', 'limit', 'transform', 'cache', 'integrate'] as const;
export type Phase = (typeof phases)[number];

export const phaseWords: Record<Phase, { title: string; text: string }> = {
  guard: { title: 'Guard', text: 'before anything else: addresses, CORS' },
  authenticate: { title: 'Authenticate', text: 'who calls; one that succeeds is enough' },
  authorize: { title: 'Authorize', text: 'whether they may' },
  limit: { title: 'Limit', text: 'how much and how fast; all of them count' },
  transform: { title: 'Transform', text: 'what is sent on and answered' },
  cache: { title: 'Cache', text: 'answers kept at the edge' },
  integrate: { title: 'Integration', text: 'answers in the place of an upstream' },
};

export interface Typed {
  type: string;
}
export type PhaseOf = (type: string) => Phase;

export interface Placed<T> {
  policy: T;
  /** In the whole list. */
  index: number;
}

/** The policies by phase, each with its place in the list; empty phases are left out. */
export function byPhase<T extends Typed>(policies: readonly T[], phaseOf: PhaseOf): { phase: Phase; items: Placed<T>[] }[] {
  return phases
    .map((phase) => ({
      phase,
      items: policies.map((policy, index) => ({ policy, index })).filter(({ policy }) => phaseOf(policy.type) === phase),
    }))
    .filter(({ items }) => items.length > 0);
}

/**
 * Moves the policy at one place to another place of the same phase; a place of
 * another phase, or one that is not there, changes nothing.
 */
export function moveTo<T extends Typed>(policies: readonly T[], from: number, to: number, phaseOf: PhaseOf): T[] {
  const moved = policies[from];
  const there = policies[to];
  if (!moved || !there || from === to || phaseOf(moved.type) !== phaseOf(there.type)) return [...policies];
  const out = policies.filter((_, i) => i !== from);
  out.splice(to, 0, moved);
  return out;
}

/** Moves a policy one step up (−1) or down (+1) among those of its phase. */
export function step<T extends Typed>(policies: readonly T[], from: number, by: -1 | 1, phaseOf: PhaseOf): T[] {
  const moved = policies[from];
  if (!moved) return [...policies];
  const phase = phaseOf(moved.type);
  for (let to = from + by; to >= 0 && to < policies.length; to += by) {
    const there = policies[to];
    if (there && phaseOf(there.type) === phase) return moveTo(policies, from, to, phaseOf);
  }
  return [...policies];
}

/** Adds a policy behind the last of its phase, so that the list reads as it runs. */
export function add<T extends Typed>(policies: readonly T[], policy: T, phaseOf: PhaseOf): T[] {
  const rank = (p: T) => phases.indexOf(phaseOf(p.type));
  let at = 0;
  policies.forEach((p, i) => {
    if (rank(p) <= rank(policy)) at = i + 1;
  });
  return [...policies.slice(0, at), policy, ...policies.slice(at)];
}

/** The gateway's policies as a route has them: the same type on the route replaces all but limits. */
export function inherited<T extends Typed>(gateway: readonly T[], route: readonly T[], phaseOf: PhaseOf): { policy: T; replaced: boolean }[] {
  const own = new Set(route.map((p) => p.type));
  return gateway.map((policy) => ({ policy, replaced: phaseOf(policy.type) !== 'limit' && own.has(policy.type) }));
}
