import type { Schemas } from '@/api/client';

type Input = Schemas['DeveloperPortalInput'];

/** One plan on offer, as the editor holds it. */
export interface OfferValues {
  usage_plan: string;
  title: string;
  description: string;
  approval: boolean;
}

/** What the editor holds. */
export interface PortalValues extends Record<string, unknown> {
  published: boolean;
  name: string;
  tagline: string;
  text: string;
  support: string;
  accent: string;
  accent_dark: string;
  plans: OfferValues[];
  max_keys: number | string;
}

export const valuesOf = (portal: Schemas['DeveloperPortal']): PortalValues => ({
  published: portal.published ?? false,
  name: portal.name,
  tagline: portal.tagline ?? '',
  text: portal.text ?? '',
  support: portal.support ?? '',
  accent: portal.accent ?? '',
  accent_dark: portal.accent_dark ?? '',
  plans: (portal.plans ?? []).map((p) => ({ usage_plan: p.usage_plan, title: p.title ?? '', description: p.description ?? '', approval: p.approval ?? false })),
  max_keys: portal.max_keys ?? 5,
});

const given = (text: string): string | undefined => (text === '' ? undefined : text);

/** The body for the API; what is empty is left out. */
export const inputOf = (values: PortalValues): Input => ({
  published: values.published,
  name: values.name,
  tagline: given(values.tagline),
  text: given(values.text),
  support: given(values.support.trim()),
  accent: given(values.accent),
  accent_dark: given(values.accent_dark),
  plans: values.plans.map((p) => ({ usage_plan: p.usage_plan, title: given(p.title), description: given(p.description), approval: p.approval })),
  max_keys: values.max_keys === '' ? undefined : Number(values.max_keys),
});
