import type { Schemas } from '@/api/client';
import { count, money } from '@/ui/format';

/** "720h" as days where it is whole days: "30 days". */
export function inDays(duration: string): string {
  const hours = /^(\d+)h(?:0m)?(?:0s)?$/.exec(duration)?.[1];
  if (!hours || Number(hours) % 24 !== 0) return duration;
  const days = Number(hours) / 24;
  return `${count(days)} ${days === 1 ? 'day' : 'days'}`;
}

/** What a plan holds, in the order in which people compare. What is left out has no limit. */
export function factsOf(plan: Schemas['Plan']): string[] {
  const facts = [
    plan.included_requests === undefined ? 'Any number of requests' : `${count(plan.included_requests)} requests a month`,
    plan.overage ? `then ${money(plan.overage.price_cents, plan.currency)} for each further ${count(plan.overage.requests)}` : 'a hard cap, no surprises',
    plan.requests_per_second === undefined ? 'No limit a second' : `${count(plan.requests_per_second)} requests a second`,
    plan.gateways === undefined ? 'Any number of gateways' : `${count(plan.gateways)} ${plan.gateways === 1 ? 'gateway' : 'gateways'}`,
    plan.consumers === undefined ? 'Any number of consumers' : `${count(plan.consumers)} consumers a gateway`,
    plan.keys === undefined ? 'Any number of keys' : `${count(plan.keys)} API keys`,
    `${inDays(plan.log_retention)} of logs`,
  ];
  return facts.map((f) => f.charAt(0).toUpperCase() + f.slice(1));
}
