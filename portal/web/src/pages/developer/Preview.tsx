import { Stack, Text, Title } from '@mantine/core';
import { isColour, textOn } from '@/developer/brand';
import type { PortalValues } from './form';

/** What the first page looks like with the values typed, in light and dark. */
export function Preview({ values, logo }: { values: PortalValues; logo?: string }) {
  return (
    <section aria-label="Preview" style={{ minWidth: 0 }}>
      <Stack gap="sm">
        <Title order={2} size="h3">
          Preview
        </Title>
        <Page values={values} logo={logo} name="Light" accent={isColour(values.accent) ? values.accent : '#1c64b0'} ground="#ffffff" ink="#24211e" line="#d9d4cc" />
        <Page values={values} logo={logo} name="Dark" accent={isColour(values.accent_dark) ? values.accent_dark : '#74b4f5'} ground="#151413" ink="#ecebe8" line="#45423e" />
      </Stack>
    </section>
  );
}

interface PageProps {
  values: PortalValues;
  logo?: string;
  name: string;
  accent: string;
  ground: string;
  ink: string;
  line: string;
}

function Page({ values, logo, name, accent, ground, ink, line }: PageProps) {
  return (
    <div role="img" aria-label={`${name}: ${values.name}`} style={{ background: ground, color: ink, border: `1px solid ${line}`, borderRadius: 8, overflow: 'hidden' }}>
      <div aria-hidden style={{ display: 'flex', gap: 10, alignItems: 'center', padding: '10px 16px', borderBottom: `1px solid ${line}`, fontWeight: 600 }}>
        {logo ? <img src={logo} alt="" style={{ height: 26, maxWidth: 120, objectFit: 'contain' }} /> : null}
        <span style={{ overflowWrap: 'anywhere' }}>{values.name}</span>
      </div>
      <div aria-hidden style={{ padding: 16 }}>
        <Text fz="lg" fw={600} c={ink} style={{ overflowWrap: 'anywhere' }}>
          {values.name}
        </Text>
        <Text c={ink} style={{ overflowWrap: 'anywhere' }}>
          {values.tagline}
        </Text>
        <div style={{ display: 'flex', flexWrap: 'wrap', gap: 14, alignItems: 'center', marginTop: 12 }}>
          <span style={{ background: accent, color: textOn(accent), padding: '7px 14px', borderRadius: 5, fontWeight: 600, fontSize: 14 }}>Get a key</span>
          <span style={{ color: accent, textDecoration: 'underline' }}>Read the reference</span>
        </div>
      </div>
    </div>
  );
}
