import type { Webhook, WebhookInput } from './words';

/** What the editor holds. */
export interface WebhookForm extends Record<string, unknown> {
  name: string;
  description: string;
  enabled: boolean;
  url: string;
  /** All types, those of later versions too; then `events` is not sent. */
  all: boolean;
  events: string[];
}

/** A new webhook, or one that is there. */
export function formOf(w?: Webhook): WebhookForm {
  const all = !w || w.events.includes('*');
  return {
    name: w?.name ?? '',
    description: w?.description ?? '',
    enabled: w?.enabled ?? true,
    url: w?.url ?? '',
    all,
    events: all ? [] : (w?.events ?? []),
  };
}

/** The body for the API. */
export function inputOf(form: WebhookForm): WebhookInput {
  return {
    name: form.name,
    ...(form.description === '' ? {} : { description: form.description }),
    enabled: form.enabled,
    url: form.url.trim(),
    events: form.all ? ['*'] : form.events,
  };
}

/** What the form itself knows to be wrong, by the field's path. */
export function validate(form: WebhookForm): Record<string, string> {
  return !form.all && form.events.length === 0 ? { events: 'Choose at least one.' } : {};
}
