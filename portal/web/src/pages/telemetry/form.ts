import { Problem } from '@/api/problem';
import type { Destination, DestinationInput, Outcome, Signal } from './words';

/** What the editor holds: every field of either type, so that a change of type loses nothing. */
export interface DestinationForm extends Record<string, unknown> {
  name: string;
  enabled: boolean;
  type: 'otlp' | 'http';
  url: string;
  signals: Signal[];
  format: 'json' | 'ndjson';
  gzip: boolean;
  gateways: string[];
  outcomes: Outcome[];
  /** Percent of the requests that went well. */
  sample: number | string;
  /** Keeps the header fields that there are; then `headers` is not sent. */
  keep: boolean;
  headers: { name: string; value: string }[];
}

export const allOutcomes: Outcome[] = ['ok', 'refused', 'failed'];

/** A new destination, or one that is there. */
export function formOf(d?: Destination): DestinationForm {
  return {
    name: d?.name ?? '',
    enabled: d?.enabled ?? true,
    type: d?.type ?? 'otlp',
    url: d?.url ?? '',
    signals: d?.signals ?? ['logs', 'traces', 'metrics'],
    format: d?.format ?? 'json',
    gzip: d?.gzip ?? true,
    gateways: d?.gateways ?? [],
    outcomes: d?.outcomes?.length ? d.outcomes : allOutcomes,
    sample: Math.round((d?.sample ?? 1) * 10_000) / 100,
    keep: (d?.header_names?.length ?? 0) > 0,
    headers: [],
  };
}

/** The body for the API: only the fields that go with the type. */
export function inputOf(form: DestinationForm): DestinationInput {
  const logs = form.type === 'http' || form.signals.includes('logs');
  const sample = form.sample === '' ? 1 : Number(form.sample) / 100;
  return {
    name: form.name,
    enabled: form.enabled,
    type: form.type,
    url: form.url.trim(),
    signals: form.type === 'http' ? ['logs'] : form.signals,
    ...(form.type === 'http' ? { format: form.format } : {}),
    gzip: form.gzip,
    ...(form.gateways.length > 0 ? { gateways: form.gateways } : {}),
    ...(logs && form.outcomes.length < allOutcomes.length ? { outcomes: form.outcomes } : {}),
    ...(logs && form.outcomes.includes('ok') && sample < 1 ? { sample } : {}),
    ...(form.keep ? {} : { headers: Object.fromEntries(form.headers.map(({ name, value }) => [name.trim(), value.trim()])) }),
  };
}

/** What the form itself knows to be wrong, by the field's path. */
export function validate(form: DestinationForm): Record<string, string> {
  const bad: Record<string, string> = {};
  if (form.type === 'otlp' && form.signals.length === 0) bad.signals = 'Choose at least one.';
  if (form.outcomes.length === 0) bad.outcomes = 'Choose at least one.';
  if (form.keep) return bad;
  const seen = new Set<string>();
  form.headers.forEach(({ name }, i) => {
    const key = name.trim().toLowerCase();
    if (seen.has(key)) bad[`headers.${i}.name`] = key === '' ? 'Needs a name.' : 'Stands twice.';
    else if (key === '') bad[`headers.${i}.name`] = 'Needs a name.';
    seen.add(key);
  });
  return bad;
}

/** The API names a header field by its name (`/headers/X-Key`); the form has rows. */
export function byRow(error: unknown, form: DestinationForm): unknown {
  if (!(error instanceof Problem) || !error.errors) return error;
  const errors = error.errors.map((e) => {
    const name = /^\/headers\/(.+)$/.exec(e.pointer)?.[1]?.replaceAll('~1', '/').replaceAll('~0', '~');
    const row = name === undefined ? -1 : form.headers.findIndex((h) => h.name.trim() === name);
    if (row < 0) return e;
    // Only this one is about the value, which the API never repeats.
    const part = e.detail.startsWith('must be') ? 'value' : 'name';
    return { ...e, pointer: `/headers/${row}/${part}` };
  });
  return new Problem({ type: error.type, title: error.title, status: error.status, code: error.code, detail: error.detail, request_id: error.request_id, errors });
}
