import type { Schemas } from '@/api/client';
import { count, exactMoney } from '@/ui/format';
import type { Plan } from './act';
import { costOf } from './cents';

export interface Reckoned {
  requests: number;
  beyond: number;
}

/** The arithmetic of a line of usage, in words that can be followed with a pencil. */
export function reckoning(r: Reckoned, plan: Plan | undefined): string {
  const currency = plan?.currency ?? 'usd';
  const counted = `${count(r.requests)} requests − ${count(r.requests - r.beyond)} included = ${count(r.beyond)} beyond`;
  if (r.beyond === 0 || !plan?.overage) return counted;
  return `${counted}; ${count(r.beyond)} × ${exactMoney(plan.overage.price_cents, currency)} ÷ ${count(plan.overage.requests)} = ${exactMoney(costOf(r.beyond, plan.overage), currency)}`;
}

type Found = Schemas['Reconciliation'];
type Line = NonNullable<NonNullable<Found['invoice']>['lines']>[number];

/** What an invoice charges for one thing, with what the ledger says to it; one of both may be missing. */
export interface Entry {
  id: string;
  title: string;
  cents: number;
  /** Several where the provider makes one for each tier of a price: the included requests, and those beyond. */
  lines: Line[];
  ledger?: Found['lines'][number];
}

/**
 * How a line stands beside the ledger: both say the same, what the ledger has is
 * never billed, or they differ. "open" is a period without an invoice, and a line
 * without requests.
 */
export type Agreement = 'adds up' | 'unbilled' | 'differs' | 'open';

export function agreement({ lines, ledger }: Entry, invoiced: boolean): Agreement {
  if (!invoiced || !ledger) return 'open';
  if (ledger.difference_requests === 0) return 'adds up';
  return lines.length === 0 && ledger.billed_quantity === 0 && ledger.amount_cents === 0 && ledger.difference_requests > 0 && ledger.explanation ? 'unbilled' : 'differs';
}

/** The invoice's lines in its order, those of a plan's requests as one, then what the ledger has beyond them. */
export function entriesOf(found: Found, titles: Record<string, string>): Entry[] {
  const entries: Entry[] = [];
  const usage = new Map<string, Entry>();
  for (const line of found.invoice?.lines ?? []) {
    const plan = line.kind === 'usage' ? line.plan : undefined;
    const before = plan === undefined ? undefined : usage.get(plan);
    if (before) {
      before.lines.push(line);
      before.cents += line.amount_cents;
      continue;
    }
    const entry = { id: line.id, title: plan === undefined ? line.description : onPlan(plan, titles), cents: line.amount_cents, lines: [line] };
    entries.push(entry);
    if (plan !== undefined) usage.set(plan, entry);
  }
  for (const ledger of found.lines) {
    const entry = entries.find((e) => e.lines.some((l) => l.id === ledger.line));
    if (entry && !entry.ledger) entry.ledger = ledger;
    else entries.push({ id: `${ledger.line ?? 'plan'}-${ledger.plan}`, title: onPlan(ledger.plan, titles), cents: ledger.amount_cents, lines: [], ledger });
  }
  return entries;
}

const onPlan = (plan: string, titles: Record<string, string>) => `Requests on the plan ${titles[plan] ?? plan}`;
