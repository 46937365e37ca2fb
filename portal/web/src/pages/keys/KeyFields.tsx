import { Accordion, TagsInput, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { GetInputPropsReturnType } from '@mantine/form';
import type { Schemas } from '@/api/client';
import { RemoteSelect } from '@/ui/RemoteSelect';
import { LimitFields } from '../plans/LimitFields';
import { limitsBody, limitValues, type LimitValues } from '../plans/limits';
import { ExpiryField } from './ExpiryField';

/** What can be said of a key, as its forms hold it. */
export interface KeyValues extends Record<string, unknown> {
  name: string;
  expires_at: string;
  scopes: string[];
  usage_plan: string;
  limits: LimitValues;
}

/** Fills a form from a key; without one, for a new key. */
export function keyValues(key?: Schemas['Key']): KeyValues {
  return {
    name: key?.name ?? '',
    expires_at: key?.expires_at ?? '',
    scopes: key?.scopes ?? [],
    usage_plan: key?.usage_plan ?? '',
    limits: limitValues(key?.limits),
  };
}

/** The body of what the form holds: what is empty is left out. */
export function keyBody(values: KeyValues): Schemas['KeyUpdate'] {
  const limits = limitsBody(values.limits);
  return {
    name: values.name || undefined,
    expires_at: values.expires_at || undefined,
    scopes: values.scopes.length > 0 ? values.scopes : undefined,
    usage_plan: values.usage_plan || undefined,
    limits: Object.keys(limits).length > 0 ? limits : undefined,
  };
}

export interface KeyFieldsProps {
  gateway: string;
  form: { getInputProps: (path: string) => GetInputPropsReturnType };
}

/** The fields that a key's making and its change have in common. */
export function KeyFields({ gateway, form }: KeyFieldsProps) {
  // Open where a limit is set, or refused.
  const figures = ['rate_limit.rate', 'rate_limit.burst', 'quota.limit', 'concurrency'].map((path) => form.getInputProps(`limits.${path}`) as { value: unknown; error?: unknown });
  const [opened, setOpened] = useState(figures.some((f) => f.value !== ''));
  const refused = figures.some((f) => f.error);
  return (
    <>
      <TextInput label="Name" description="Whatever helps you to recognise it" maxLength={128} autoComplete="off" {...form.getInputProps('name')} />
      <ExpiryField {...form.getInputProps('expires_at')} />
      <TagsInput
        label="Scopes"
        description="Routes may ask for some of them. Enter ends each one."
        placeholder="orders:read"
        splitChars={[',', ' ']}
        acceptValueOnBlur
        {...form.getInputProps('scopes')}
      />
      <RemoteSelect
        gateway={gateway}
        kind="usage-plans"
        label="Usage plan"
        description="Instead of the consumer’s"
        placeholder="The consumer’s"
        clearable
        {...form.getInputProps('usage_plan')}
      />
      <Accordion variant="contained" chevronPosition="left" order={3} value={opened || refused ? 'limits' : null} onChange={(value) => setOpened(value !== null)}>
        <Accordion.Item value="limits">
          <Accordion.Control>Limits of this key alone</Accordion.Control>
          <Accordion.Panel>
            <LimitFields form={form} at="limits." none="The usage plan’s" whose="key" />
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </>
  );
}
