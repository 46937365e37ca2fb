import { createTheme, mergeMantineTheme, type CSSVariablesResolver, type MantineColorsTuple, type MantineTheme, DEFAULT_THEME } from '@mantine/core';
import { theme, variables } from '@/theme/theme';

type Colours = { accent: string; accent_dark: string };

/** Relative luminance of #rrggbb (WCAG 2.2). */
export function luminance(colour: string): number {
  const part = (at: number) => {
    const x = parseInt(colour.slice(at, at + 2), 16) / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

/** Contrast of two colours, 1 to 21 (WCAG 2.2). */
export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

export const isColour = (text: string): boolean => /^#[0-9a-f]{6}$/i.test(text);

/** White or black, whichever can be read better on a colour. */
export const textOn = (colour: string): string => (contrast('#ffffff', colour) >= contrast('#000000', colour) ? '#ffffff' : '#000000');

/** A colour that lies between two: share 0 is the first, 1 the second. */
export function mix(a: string, b: string, share: number): string {
  const part = (at: number) =>
    Math.round(parseInt(a.slice(at, at + 2), 16) * (1 - share) + parseInt(b.slice(at, at + 2), 16) * share)
      .toString(16)
      .padStart(2, '0');
  return `#${part(1)}${part(3)}${part(5)}`;
}

/** Shades of the owner's colours where the kit looks for them: 7 in light pages, 3 in dark ones. */
export function shades({ accent, accent_dark }: Colours): MantineColorsTuple {
  return [
    mix(accent, '#ffffff', 0.92), mix(accent, '#ffffff', 0.84), mix(accent_dark, '#ffffff', 0.3), accent_dark, mix(accent_dark, '#000000', 0.12),
    mix(accent, '#ffffff', 0.25), mix(accent, '#ffffff', 0.1), accent, mix(accent, '#000000', 0.15), mix(accent, '#000000', 0.4),
  ];
}

/** Our look with the owner's colours. */
export function brandTheme(colours: Colours): MantineTheme {
  return mergeMantineTheme(
    DEFAULT_THEME,
    createTheme({ ...theme, colors: { ...theme.colors, brand: shades(colours) }, primaryColor: 'brand', luminanceThreshold: 0.1833, black: '#111111' }),
  );
}

/** The variables of our pages, with links in the owner's colours. */
export function brandVariables(colours: Colours): CSSVariablesResolver {
  return (kit) => {
    const ours = variables(kit);
    return {
      ...ours,
      light: { ...ours.light, '--mantine-color-anchor': colours.accent, '--mantine-color-body': '#ffffff', '--tg-panel': '#ffffff' },
      dark: { ...ours.dark, '--mantine-color-anchor': colours.accent_dark },
    };
  };
}
