import type { Schemas } from '@/api/client';
import { sentence } from '@/api/problem';
import type { DotState } from '@/ui';

export type Webhook = Schemas['Webhook'];
export type WebhookInput = Schemas['WebhookInput'];
export type Delivery = Schemas['WebhookDelivery'];
export type EventType = Schemas['WebhookEventType'];
export type Tested = Schemas['WebhookTest'];
export type Status = Webhook['state']['status'];

const statuses: Record<Status, { label: string; dot: DotState }> = {
  idle: { label: 'Nothing sent yet', dot: 'idle' },
  ok: { label: 'Delivering', dot: 'good' },
  failing: { label: 'Failing', dot: 'bad' },
  off: { label: 'Switched off', dot: 'idle' },
  disabled: { label: 'Switched off by itself', dot: 'bad' },
};

/** A status in words, with the dot that goes with it. */
export const statusOf = (status: Status): { label: string; dot: DotState } => statuses[status];

const states: Record<Delivery['state'], { label: string; dot: DotState }> = {
  waiting: { label: 'On the way', dot: 'busy' },
  sent: { label: 'Taken', dot: 'good' },
  failed: { label: 'Given up', dot: 'bad' },
  canceled: { label: 'Canceled', dot: 'idle' },
};

/** A delivery's state in words, with the dot that goes with it. */
export const deliveryOf = (d: Delivery): { label: string; dot: DotState } =>
  d.state === 'waiting' && d.attempts > 0 ? { label: 'Failed, is tried again', dot: 'bad' } : states[d.state];

/** What a webhook is told, in a few words. */
export function eventsWords(events: readonly string[]): string {
  if (events.includes('*')) return 'Everything';
  if (events.length <= 2) return events.join(', ');
  return `${events.slice(0, 2).join(', ')} and ${events.length - 2} more`;
}

/** Types of events by what stands before their dot, in the API's order. */
export function grouped(types: readonly EventType[]): { name: string; types: EventType[] }[] {
  const out: { name: string; types: EventType[] }[] = [];
  for (const type of types) {
    const name = type.type.split('.')[0] ?? type.type;
    const group = out.find((g) => g.name === name);
    if (group) group.types.push(type);
    else out.push({ name, types: [type] });
  }
  return out;
}

const hints: Record<number, string> = {
  401: 'Does the receiver verify another secret?',
  403: 'Does the receiver verify another secret?',
  404: 'There is nothing at this address: check the URL.',
  405: 'It takes no POST at this address: check the URL.',
};

/** An error of the receiver as sentences, with what to do about it where that is known. */
export function errorWords(error: string | undefined, status: number | undefined): string {
  const said = error ? sentence(error) : 'The last try failed.';
  const hint = status === undefined ? undefined : hints[status];
  return hint ? `${said} ${hint}` : said;
}

/** How long something took. */
export const tookWords = (ms: number): string => `${Math.max(1, Math.round(ms)).toLocaleString('en')} ms`;
