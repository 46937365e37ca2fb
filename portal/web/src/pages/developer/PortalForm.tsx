import { Button, ColorInput, Group, NumberInput, SimpleGrid, Stack, Switch, Text, Textarea, TextInput, Title } from '@mantine/core';
import type { GetInputPropsReturnType } from '@mantine/form';
import type { ReactNode } from 'react';
import { api, etagOf, type Schemas } from '@/api/client';
import { refresh } from '@/api/queries';
import { useMay } from '@/api/session';
import { contrast, isColour } from '@/developer/brand';
import { done, ProblemNote, useApiForm } from '@/ui';
import { Offers } from './Offers';
import { inputOf, valuesOf } from './form';
import { Preview } from './Preview';

export type Portal = Schemas['DeveloperPortal'];

export interface PortalFormProps {
  gateway: string;
  portal: Portal;
  children: ReactNode;
}

/** Name, words, colours and plans of the portal, beside what they look like. */
export function PortalForm({ gateway, portal, children }: PortalFormProps) {
  const may = useMay('gateways:write');
  const { form, problem, rest, busy, submit } = useApiForm({
    initialValues: valuesOf(portal),
    save: async (values) => {
      await api.PUT('/v1/gateways/{gateway}/developer-portal', {
        params: { path: { gateway }, header: { 'If-Match': etagOf(portal) } },
        body: inputOf(values),
      });
      await refresh('/v1/gateways/{gateway}/developer-portal');
      done(values.published ? 'The developer portal is saved and published.' : 'The developer portal is saved.');
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xl" verticalSpacing="lg">
        <Stack gap="md" style={{ minWidth: 0 }}>
          <Switch label="Published" description={`Everybody who knows ${portal.url} can read it and sign up`} {...form.getInputProps('published', { type: 'checkbox' })} disabled={!may} />
          <TextInput label="Name" {...form.getInputProps('name')} />
          <TextInput label="Tagline" description="One sentence below the name" {...form.getInputProps('tagline')} />
          <Textarea label="Text" description="Plain text of the first page; an empty line begins a paragraph" autosize minRows={4} maxRows={14} {...form.getInputProps('text')} />
          <TextInput label="Support" description="Mail address or https address where developers find help" {...form.getInputProps('support')} />
          {children}
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <Accent label="Colour on light pages" page="#ffffff" field={form.getInputProps('accent')} value={form.values.accent} />
            <Accent label="Colour on dark pages" page="#1a1b1e" field={form.getInputProps('accent_dark')} value={form.values.accent_dark} />
          </SimpleGrid>
          <Title order={2} size="h3">
            Plans on offer
          </Title>
          <Offers gateway={gateway} form={form} />
          <NumberInput label="Active keys of one developer" min={1} max={20} allowDecimal={false} w={220} {...form.getInputProps('max_keys')} />
          <ProblemNote problem={rest.length > 0 || !problem?.errors ? problem : undefined} rest={rest} />
          {may ? (
            <Group>
              <Button type="submit" loading={busy}>
                {form.values.published && !portal.published ? 'Save and publish' : 'Save the changes'}
              </Button>
            </Group>
          ) : null}
        </Stack>
        <Preview values={form.values} logo={portal.logo_url} />
      </SimpleGrid>
    </form>
  );
}

interface AccentProps {
  label: string;
  page: string;
  value: string;
  field: GetInputPropsReturnType;
}

/** A colour with the contrast that text in it has. */
function Accent({ label, page, value, field }: AccentProps) {
  const ratio = isColour(value) ? contrast(value, page) : undefined;
  return (
    <div>
      <ColorInput label={label} format="hex" eyeDropperButtonProps={{ 'aria-label': `Pick the ${label.toLowerCase()} from the screen` }} {...field} />
      <Text size="xs" c={ratio !== undefined && ratio < 4.5 ? 'var(--tg-bad)' : 'dimmed'} mt={4} role="status">
        {ratio === undefined
          ? 'A colour such as #1c64b0'
          : ratio >= 4.5
            ? `Can be read: contrast ${(Math.floor(ratio * 10) / 10).toFixed(1)}:1`
            : `Can’t be read well: contrast ${(Math.floor(ratio * 10) / 10).toFixed(1)}:1, text needs 4.5:1`}
      </Text>
    </div>
  );
}
