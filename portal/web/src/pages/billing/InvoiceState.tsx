import { Badge } from '@mantine/core';
import type { Schemas } from '@/api/client';

const states: Record<string, { text: string; colour: string }> = {
  draft: { text: 'In the making', colour: 'gray' },
  open: { text: 'To be paid', colour: 'amber' },
  paid: { text: 'Paid', colour: 'green' },
  uncollectible: { text: 'Not paid', colour: 'red' },
  void: { text: 'Taken back', colour: 'gray' },
};

/** Where an invoice stands, in a word. */
export function InvoiceState({ invoice }: { invoice: Pick<Schemas['Invoice'], 'status' | 'attempts'> }) {
  const failed = invoice.status === 'open' && (invoice.attempts ?? 0) > 0;
  const state = failed ? { text: 'Payment failed', colour: 'red' } : (states[invoice.status] ?? { text: invoice.status, colour: 'gray' });
  return <Badge color={state.colour}>{state.text}</Badge>;
}
